# SPDX-License-Identifier: Apache-2.0
"""The node: images and hints in, coloured images and their certainty out.

Images are as ComfyUI has them: tensors (B, H, W, 3) of 0 to 1. Nothing of ComfyUI is imported.

Source: ComfyUI's documentation, "Custom nodes": properties of a node, images and masks.
"""

import io
import logging
import struct

import numpy as np
from PIL import Image

from .tintype_client import SERVER, Client, TintypeError, hints_from

_STRENGTHS = ("as the model recommends", "sober", "vivid")
_LOG = logging.getLogger("tintype")  # ComfyUI prints what is logged
_LONGEST = 2048  # of a map of the certainty


class TintypeColor:
    """Colours black-and-white photographs; their luma does not change."""

    CATEGORY = "image/color"
    DESCRIPTION = "Colours black-and-white photographs on a Tintype server."
    FUNCTION = "color"
    RETURN_TYPES = ("IMAGE", "MASK")
    RETURN_NAMES = ("image", "certainty")

    @classmethod
    def INPUT_TYPES(cls):
        """What can be connected and entered."""
        hints = {
            "multiline": True,
            "default": "",
            "tooltip": "A line for each: X,Y,COLOUR or X,Y,COLOUR,RADIUS.",
        }
        return {
            "required": {
                "image": ("IMAGE",),
                "vividness": (list(_STRENGTHS),),
                "quality": (["high", "normal", "fast"],),
            },
            "optional": {
                "hints": ("STRING", hints),
                "server": ("STRING", {"default": SERVER}),
            },
        }

    def color(self, image, vividness, quality, hints="", server=SERVER):
        """Colours each image of a batch.

        Args:
            image: (B, H, W, 3) of 0 to 1.
            vividness: One of the offered values.
            quality: One of the offered values.
            hints: For all images of the batch.
            server: Address of `tintype serve`.

        Returns:
            (B, H, W, 3) of 0 to 1, and (B, H, W): 1 is certain, 0 a guess.
        """
        settings = {"quality": quality, "hints": hints_from(hints)}
        if vividness != _STRENGTHS[0]:
            settings["vividness"] = vividness
        client = Client(server)
        batch = [_answer(client, pixels, settings) for pixels in image.cpu().numpy()]
        colored = np.stack([rgb for rgb, _ in batch])
        certain = np.stack([found for _, found in batch])
        return image.new_tensor(colored), image.new_tensor(certain)


def _answer(client, pixels, settings):
    """(H, W, 3) coloured and (H, W) certainty of one image."""
    sent = Image.fromarray(np.rint(pixels[..., :3].clip(0, 1) * 255).astype(np.uint8))
    file = io.BytesIO()
    sent.save(file, "PNG", compress_level=1)
    side = min(max(sent.size), _LONGEST)
    colored, uncertain = client.color_with_certainty(
        file.getvalue(), settings, size=sent.size, side=side
    )
    for note in client.notes:
        _LOG.warning("Colour with Tintype: %s", note)
    rgb = np.asarray(_opened(colored, "RGB"), np.float32) / 255
    found = _opened(uncertain, "L").resize(sent.size, Image.Resampling.BILINEAR)
    return rgb, 1 - np.asarray(found, np.float32) / 255


def _opened(png, mode):
    """A PNG whose header the client has checked; a damaged one is one message."""
    try:
        # Other formats are not tried: for some of them, Pillow starts programs.
        with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
            # Of several headers, the client has checked the first, and Pillow uses the last.
            if image.size == struct.unpack(">II", png[16:24]):
                return image.convert(mode)
    except Exception:  # noqa: BLE001 - Pillow's readers raise many kinds
        _LOG.debug("The answer is damaged.", exc_info=True)
    raise TintypeError("What has come back is a damaged picture. Try again.")
