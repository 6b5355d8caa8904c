# SPDX-License-Identifier: Apache-2.0
"""The menu entry, and what it does.

The layer is sent to `tintype serve` on this machine. What comes back is put above it in the mode
"Color", which keeps the luma of what lies below; the layer itself stays as it is.

Source: Krita's Python API (libkis): Document, Node, Extension.
"""

from krita import Extension, Krita
from PyQt5.QtCore import QBuffer, QByteArray, QIODevice, Qt
from PyQt5.QtGui import QImage
from PyQt5.QtWidgets import QMessageBox

from .tintype_client import SERVER, Client, TintypeError

NAME = "Colour (Tintype)"
_FORMATS = {"U8": (QImage.Format_RGBA8888, 4), "U16": (QImage.Format_RGBA64, 8)}
"""By the depth of a document: what Qt calls its pixels, and their bytes."""


def color_node(document, node, client, settings):
    """Puts the colours of a layer above it.

    Args:
        document: Whose layer it is; it must be RGB, with 8 or 16 bits a channel.
        node: The photograph.
        client: A `tintype_client.Client`.
        settings: For the server.

    Returns:
        The new layer.
    """
    depth = document.colorDepth()
    if document.colorModel() != "RGBA" or depth not in _FORMATS:
        raise TintypeError(
            "The image has to be RGB with 8 or 16 bits a channel: Image, Convert Image Color Space."
        )
    width, height = document.width(), document.height()
    # Not `Node.save`, which may open a dialog.
    sent = _png(bytes(node.projectionPixelData(0, 0, width, height)), width, height, depth)
    # Its size is checked before Qt decodes it.
    colored = client.color(sent, settings, size=(width, height))
    pixels = _pixels(colored, width, height, depth)
    layer = document.createNode(NAME, "paintlayer")
    layer.setBlendingMode("color")
    node.parentNode().addChildNode(layer, node)
    layer.setPixelData(QByteArray(pixels), 0, 0, width, height)
    document.refreshProjection()
    return layer


def _png(pixels, width, height, depth):
    """Pixels as Krita has them (blue, green, red, alpha) as a PNG of the same depth."""
    form, size = _FORMATS[depth]
    image = QImage(pixels, width, height, width * size, form).rgbSwapped()
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.WriteOnly)
    if not image.save(buffer, "PNG"):
        raise TintypeError("The layer could not be written as a PNG.")
    return bytes(data)


def _pixels(png, width, height, depth):
    """The reverse of `_png`."""
    form, size = _FORMATS[depth]
    image = QImage.fromData(png, "PNG").convertToFormat(form).rgbSwapped()
    if (image.width(), image.height()) != (width, height):
        raise TintypeError("What has come back is no picture of the size of the layer.")
    data = image.constBits()
    data.setsize(image.sizeInBytes())
    assert image.bytesPerLine() == width * size, "four samples of whole bytes need no padding"
    return bytes(data)


class TintypeExtension(Extension):
    """Tools, Scripts, "Colour with Tintype"."""

    def setup(self):
        """Nothing to prepare."""

    def createActions(self, window):
        """Adds the menu entry."""
        action = window.createAction("tintype_color", "Colour with Tintype", "tools/scripts")
        action.triggered.connect(self.color_active_layer)

    def color_active_layer(self):
        """Colours the layer that is selected; says what went wrong."""
        krita = Krita.instance()
        document = krita.activeDocument()
        if document is None:
            return
        server = krita.readSetting("tintype", "server", SERVER)
        vividness = krita.readSetting("tintype", "vividness", "")
        settings = {"vividness": vividness} if vividness else {}
        try:
            client = Client(server)
            color_node(document, document.activeNode(), client, settings)
        except TintypeError as error:
            _show(str(error))
            return
        if client.notes:
            _show("\n".join(client.notes))


def _show(text):
    """A message to the user."""
    box = QMessageBox(QMessageBox.Warning, "Tintype", text)
    # Qt guesses otherwise, and a server's message must not become markup.
    box.setTextFormat(Qt.PlainText)
    box.exec_()
