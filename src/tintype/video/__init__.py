"""Film: reads frames, colours them consistently over time, and writes them; copies other streams.

`plan` decides and checks everything before the first frame (`request`, `probe`, `encoding`); `run`
colours the film in segments (`decode`, `render`, `temporal`, `segments`) and joins them (`mux`).
"""
