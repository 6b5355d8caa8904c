#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""GIMP 3: the colours of a photograph on a layer of their own, in the mode "LCh Color".

The layer is sent to `tintype serve` on this machine. What comes back is put above it, and the layer
itself stays as it is.

Source: GIMP 3.0 API reference (libgimp), "Writing a plug-in".
"""

import sys
import tempfile
from pathlib import Path

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, Gio, GLib, GObject  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parent))
from tintype_client import SERVER, Client, TintypeError  # noqa: E402

PROCEDURE = "plug-in-tintype-color"
NAME = "Colour (Tintype)"
STRENGTHS = (("model", "As the model recommends"), ("sober", "Sober"), ("vivid", "Vivid"))


def color_layer(image, layer, client, settings):
    """Puts the colours of a layer above it.

    Args:
        image: Whose layer it is; a grey image becomes RGB, since it has to hold colours.
        layer: The photograph.
        client: A `tintype_client.Client`.
        settings: For the server.

    Returns:
        The new layer.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "photo.png"
        _export(image, layer, path)
        size = layer.get_width(), layer.get_height()
        path.write_bytes(client.color(path.read_bytes(), settings, size=size))
        image.undo_group_start()
        try:
            if image.get_base_type() != Gimp.ImageBaseType.RGB:
                image.convert_rgb()
            file = Gio.File.new_for_path(str(path))
            colored = Gimp.file_load_layer(Gimp.RunMode.NONINTERACTIVE, image, file)
            colored.set_name(NAME)
            colored.set_mode(Gimp.LayerMode.LCH_COLOR)
            image.insert_layer(colored, layer.get_parent(), image.get_item_position(layer))
            _, left, top = layer.get_offsets()
            colored.set_offsets(left, top)
            return colored
        finally:
            image.undo_group_end()


def _export(image, layer, path):
    """A layer alone as a PNG, with the depth and the profile of its image."""
    alone = Gimp.Image.new_with_precision(
        layer.get_width(), layer.get_height(), image.get_base_type(), image.get_precision()
    )
    try:
        alone.set_color_profile(image.get_effective_color_profile())
        copy = Gimp.Layer.new_from_drawable(layer, alone)
        alone.insert_layer(copy, None, 0)
        # Whatever it looks like in its image, here it is the photograph.
        copy.set_visible(True)
        copy.set_opacity(100)
        copy.set_mode(Gimp.LayerMode.NORMAL)
        copy.set_offsets(0, 0)
        file = Gio.File.new_for_path(str(path))
        if not Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, alone, file, None):
            raise TintypeError("GIMP could not write the layer as a PNG.")
    finally:
        alone.delete()


def run(procedure, run_mode, image, drawables, config, _data):
    """What GIMP calls for the menu entry."""

    def ended(status, message=None):
        error = None if message is None else GLib.Error(message)
        return procedure.new_return_values(status, error)

    if len(drawables) != 1 or not isinstance(drawables[0], Gimp.Layer):
        return ended(Gimp.PDBStatusType.CALLING_ERROR, "Select one layer, the photograph.")
    if run_mode == Gimp.RunMode.INTERACTIVE and not _asked(procedure, config):
        return ended(Gimp.PDBStatusType.CANCEL)
    strength = config.get_property("strength")
    settings = {} if strength == "model" else {"vividness": strength}
    try:
        Gimp.progress_init("Colouring with Tintype")
        client = Client(config.get_property("server"))
        color_layer(image, drawables[0], client, settings)
    except TintypeError as error:
        return ended(Gimp.PDBStatusType.EXECUTION_ERROR, str(error))
    except GLib.Error as error:  # GIMP could not write the layer, or not load what came back
        return ended(Gimp.PDBStatusType.EXECUTION_ERROR, error.message)
    Gimp.displays_flush()
    if client.notes:
        Gimp.message("\n".join(client.notes))
    return ended(Gimp.PDBStatusType.SUCCESS)


def _asked(procedure, config):
    """Shows the dialog; False where it is cancelled."""
    gi.require_version("GimpUi", "3.0")
    from gi.repository import GimpUi

    GimpUi.init(PROCEDURE)
    dialog = GimpUi.ProcedureDialog.new(procedure, config, "Colour with Tintype")
    dialog.fill(["strength", "server"])
    agreed = dialog.run()
    dialog.destroy()
    return agreed


class Tintype(Gimp.PlugIn):
    """The plug-in, as GIMP asks for it."""

    def do_set_i18n(self, _name):
        """No translations."""
        return False

    def do_query_procedures(self):
        """Its one procedure."""
        return [PROCEDURE]

    def do_create_procedure(self, name):
        """The procedure, its place in the menu and its arguments."""
        procedure = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, run, None)
        procedure.set_image_types("RGB*, GRAY*")
        procedure.set_sensitivity_mask(Gimp.ProcedureSensitivityMask.DRAWABLE)
        procedure.set_menu_label("Colour with _Tintype...")
        procedure.add_menu_path("<Image>/Colors")
        procedure.set_documentation(
            "Colours a black-and-white photograph on a layer of its own",
            "Sends the layer to a local Tintype server and puts the colours above it, in the mode "
            "LCh Color, so that the photograph stays as it is.",
            name,
        )
        procedure.set_attribution("The Tintype authors", "The Tintype authors", "2026")
        strengths = Gimp.Choice.new()
        for number, (key, label) in enumerate(STRENGTHS):
            strengths.add(key, number, label, "")
        readwrite = GObject.ParamFlags.READWRITE
        procedure.add_choice_argument(
            "strength", "_Vividness", "How strong the colours are", strengths, "model", readwrite
        )
        procedure.add_string_argument(
            "server", "_Server", "Address of tintype serve", SERVER, readwrite
        )
        return procedure


if __name__ == "__main__":
    Gimp.main(Tintype.__gtype__, sys.argv)
