"""Generated clips: pans over pictures of scikit-image, with sound and subtitles."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.stream import Disposition
from skimage import data

from tintype.video.side_data import filtered

CLOCK = Fraction(1, 12800)


def grey_frames(count: int, height: int, width: int) -> list[np.ndarray]:
    """(height, width) uint8 each: a pan over a picture, then a cut to another."""
    pictures = [data.camera(), data.coffee()[..., 1]]
    frames = []
    for number in range(count):
        picture = pictures[2 * number // count]
        top, left = 40 + number, 60 + 2 * number
        frames.append(np.ascontiguousarray(picture[top : top + height, left : left + width]))
    return frames


def make_clip(
    path: Path,
    *,
    count: int = 12,
    size: tuple[int, int] = (96, 128),
    codec: str = "libx264",
    form: str = "yuv420p",
    times: Sequence[int] | None = None,
    clock: Fraction = CLOCK,
    rate: int = 25,
    sound: str | None = None,
    longer: float = 0,
    texts: str | None = None,
    chapters: bool = False,
    turned: int = 0,
    matrix: Sequence[int] | None = None,
    title: str | None = None,
    tags_of_film: dict[str, str] | None = None,
    timecode: str | None = None,
    attachment: bytes | None = None,
    cover: bool = False,
    aspect: Fraction | None = None,
    fields: Sequence[str] | None = None,
    options: dict[str, str] | None = None,
    muxing: dict[str, str] | None = None,
    **tags: int,
) -> Path:
    """Writes a grey film: luma from `grey_frames`, neutral chroma.

    It has many arguments, all of them named: the properties of a film that the tests vary.

    Args:
        path: Its extension determines the container.
        count: Frames.
        size: (height, width).
        codec: Encoder of the video.
        form: Pixel format.
        times: Of the frames, in units of the clock; None is one every 1 / rate.
        clock: Seconds.
        rate: Frames a second.
        sound: Encoder of the sound, a sine as long as the film.
        longer: Seconds by which the sound is longer than the video.
        texts: Codec of the subtitles, of which there are two.
        chapters: Whether there are chapters, two of them.
        turned: Rotation by players, degrees counter-clockwise.
        matrix: How players turn and mirror the picture; nine numbers.
        title: Of the container.
        tags_of_film: More tags of the container.
        timecode: Of the first frame, as cameras write it.
        attachment: Contents of an attached file.
        cover: Whether the attachment is a JPEG, the cover picture.
        aspect: Of a pixel.
        fields: What FFmpeg's filter ``setfield`` calls the frames, in turn: tff, bff or prog.
        options: Of the video's encoder.
        muxing: Options of the container.
        **tags: Of the video's encoder: colorspace, color_range, color_trc, color_primaries.
    """
    height, width = size
    step = int(1 / (rate * clock))
    times = [step * number for number in range(count)] if times is None else times
    end = float((times[-1] + step) * clock)
    with av.open(str(path), "w", container_options=muxing or {}) as out:
        if title is not None:
            out.metadata["title"] = title
        out.metadata.update(tags_of_film or {})
        video = out.add_stream(codec, rate=rate, width=width, height=height, time_base=clock)
        video.pix_fmt = form
        video.options = options or ({"preset": "ultrafast"} if codec == "libx264" else {})
        video.metadata["language"] = "fra"
        if timecode is not None:
            video.metadata["timecode"] = timecode
        if aspect is not None:
            video.sample_aspect_ratio = aspect
        for key, value in tags.items():
            setattr(video, key, value)
        if turned:
            video.set_display_rotation(turned)
        if matrix is not None:
            video.set_display_matrix(matrix)
        streams = _add_streams(out, sound, texts)
        if attachment is not None:
            name = ("cover.jpg", "image/jpeg") if cover else ("notes.txt", "text/plain")
            out.add_attachment(*name, attachment)
        if chapters:
            _set_chapters(out, end)
        shown = []
        for grey, pts in zip(grey_frames(count, height, width), times, strict=True):
            frame = _frame(grey, form)
            if fields is not None:
                frame = filtered(frame, "setfield", mode=fields[len(shown) % len(fields)])
            shown.append(pts)
            frame.pts, frame.time_base = int(pts), clock
            if "color_range" in tags:
                frame.color_range = tags["color_range"]
            out.mux(video.encode(frame))
        out.mux(video.encode())
        if sound is not None:
            _add_sound(out, streams["sound"], end + longer)
        if texts is not None:
            _add_texts(out, streams["texts"], texts)
    return path


def _set_chapters(out, end):
    half = int(end * 500)
    out.set_chapters(
        [
            {
                "id": number + 1,
                "start": number * half,
                "end": (number + 1) * half,
                "time_base": Fraction(1, 1000),
                "metadata": {"title": name},
            }
            for number, name in enumerate(("One", "Two"))
        ]
    )


def _add_streams(out, sound, texts):
    streams = {}
    if sound is not None:
        streams["sound"] = out.add_stream(sound, rate=48000, bit_rate=96000)
        streams["sound"].metadata["language"] = "eng"
        streams["sound"].disposition = Disposition.default | Disposition.original
    if texts is not None:
        streams["texts"] = out.add_mux_stream(texts, time_base=Fraction(1, 1000))
        streams["texts"].metadata["language"] = "deu"
    return streams


def _frame(grey, form):
    """A frame of any pixel format with this luma and neutral chroma."""
    height, width = grey.shape
    bits = 10 if "10" in form else 8
    if form in ("rgb24", "bgr0"):
        rgb = np.repeat(grey[..., None], 3, axis=-1)
        return av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(format=form)
    frame = av.VideoFrame(width, height, form)
    for index, plane in enumerate(frame.planes):
        kind = np.uint8 if bits == 8 else np.uint16
        lines = np.frombuffer(plane, kind)
        lines = lines.reshape(-1, plane.line_size // lines.itemsize)
        if index:
            lines[:] = 1 << (bits - 1)
        else:
            lines[:height, :width] = grey.astype(kind) << (bits - 8)
            lines[:height, :width] += np.arange(width).astype(kind) % 4 if bits == 10 else 0
    return frame


def _add_sound(out, stream, end):
    rate, size = 48000, 1024
    for start in range(0, int(end * rate), size):
        wave = np.sin(np.arange(start, start + size) * (2 * np.pi * 440 / rate)) * 0.4
        both = np.repeat(wave.astype(np.float32)[None], 2, axis=0)
        frame = av.AudioFrame.from_ndarray(both, "fltp", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        out.mux(stream.encode(frame))
    out.mux(stream.encode())


def _add_texts(out, stream, codec):
    for number, sentence in enumerate(("It was a grey morning.", "Then it was not.")):
        text = sentence.encode()
        packet = av.Packet(len(text).to_bytes(2, "big") + text if codec == "mov_text" else text)
        packet.stream, packet.time_base = stream, Fraction(1, 1000)
        packet.pts = packet.dts = 100 + 150 * number
        packet.duration, packet.is_keyframe = 100, True
        out.mux(packet)


def add_captions(path: Path) -> Path:
    """A copy of an H.264 film in a transport stream, with closed captions (CEA-708, "GA94")."""
    return add_message(path, 4, b"\xb5\x00\x31GA94\x03\x41\xff\xfc\x94\x20\xff")


def add_message(path: Path, kind: int, body: bytes) -> Path:
    """A copy of an H.264 film in a transport stream, with an SEI message in every frame."""
    result = path.with_name(f"message{path.suffix}")
    message = b"\0\0\0\1\x06" + bytes([kind, len(body)]) + body + b"\x80"
    with av.open(str(path)) as old, av.open(str(result), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0], opaque=True)
        for packet in old.demux(video=0):
            if packet.size == 0:
                continue
            data = bytes(packet)
            slice_at = min(at for kind in b"\x41\x65\x01\x61" if (at := _unit(data, kind)) >= 0)
            more = av.Packet(data[:slice_at] + message + data[slice_at:])
            more.pts, more.dts, more.time_base = packet.pts, packet.dts, packet.time_base
            more.is_keyframe, more.stream = packet.is_keyframe, stream
            new.mux(more)
    return result


def _unit(data: bytes, kind: int) -> int:
    return data.find(b"\0\0\1" + bytes([kind]))


def change_times(path: Path, change: Callable[[str, int, int], int]) -> Path:
    """Changes the times that an MPEG transport stream states, and nothing else.

    Args:
        path: Of the film, which is replaced.
        change: Of the kind of a stream, the number of a time in it and the time, 1/90000 s.
    """
    data = bytearray(path.read_bytes())
    seen = {"audio": 0, "video": 0}
    for start in range(0, len(data), 188):
        if not data[start + 1] & 0x40:
            continue
        begin = start + 4 + (1 + data[start + 4] if data[start + 3] & 0x20 else 0)
        kind = {0xC0: "audio", 0xE0: "video"}.get(data[begin + 3] & 0xE0)
        if data[begin : begin + 3] != b"\0\0\1" or kind is None:
            continue
        for place in range(begin + 9, begin + 9 + 5 * (data[begin + 7] >> 6).bit_count(), 5):
            a, b, c, d, e = data[place : place + 5]
            time = (a >> 1 & 7) << 30 | b << 22 | c >> 1 << 15 | d << 7 | e >> 1
            time = change(kind, seen[kind], time)
            data[place] = a & 0xF1 | (time >> 30 & 7) << 1
            data[place + 1], data[place + 2] = time >> 22 & 255, (time >> 15 & 127) << 1 | 1
            data[place + 3], data[place + 4] = time >> 7 & 255, (time & 127) << 1 | 1
        seen[kind] += 1
    path.write_bytes(data)
    return path


# ----- reading -----


def fields_of(path: Path) -> str:
    """A letter for each frame: T or B for the field that is first, P if it is whole."""
    letters = []
    with av.open(str(path)) as container:
        for frame in container.decode(container.streams.video[0]):
            kinds = (("T", "TOPFIRST"), ("B", "BOTTOMFIRST"), ("P", "PROGRESSIVE"))
            letters += [
                letter
                for letter, name in kinds
                if filtered(frame, "select", expr=f"eq(interlace_type,{name})") is not None
            ]
    return "".join(letters)


def video_of(path: Path) -> list[tuple[Fraction, np.ndarray, list[np.ndarray]]]:
    """(time, luma, chroma planes) of every frame of the first video."""
    with av.open(str(path)) as container:
        return [
            (frame.pts * frame.time_base, *planes_of(frame))
            for frame in container.decode(container.streams.video[0])
        ]


def planes_of(frame: av.VideoFrame) -> tuple[np.ndarray, list[np.ndarray]]:
    """Luma and chroma planes, without padding."""
    kind = np.uint8 if frame.format.components[0].bits == 8 else np.uint16
    found = []
    for plane in frame.planes:
        lines = np.frombuffer(plane, kind)
        lines = lines.reshape(-1, plane.line_size // lines.itemsize)
        found.append(lines[: plane.height, : plane.width].copy())
    return found[0], found[1:]


def samples_of(path: Path) -> np.ndarray:
    """(channels, samples) float, of the first sound."""
    with av.open(str(path)) as container:
        resample = av.AudioResampler("fltp")
        frames = [part for frame in container.decode(audio=0) for part in resample.resample(frame)]
        return np.concatenate([frame.to_ndarray() for frame in frames], axis=1)


def side_data_of(path: Path) -> dict[str, bytes]:
    """The side data of the first frame, by the name of its kind."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        return {entry.type.name: bytes(entry) for entry in frame.side_data}


def packets_of(path: Path, kind: str) -> list[tuple[Fraction, bytes]]:
    """(time, contents) of the packets of all streams of a kind."""
    with av.open(str(path)) as container:
        streams = [stream for stream in container.streams if stream.type == kind]
        return [
            (packet.pts * packet.time_base, bytes(packet))
            for packet in container.demux()
            if packet.stream in streams and packet.size
        ]
