"""Film: frames are read, coloured consistently over time, and written; other streams are copied.

`plan` decides and checks everything before the first frame (`request`, `probe`, `encoding`); `run`
colours the film in segments (`decode`, `render`, `temporal`, `segments`) and joins them (`mux`).
"""
