"""Millions of pictures on one machine or many: what `roundel batch` does.

`run` cuts the inputs into parts and has Ray do them; `part` does one, and needs no Ray.
"""
