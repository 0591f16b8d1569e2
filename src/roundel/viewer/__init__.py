"""The page that shows .rndl files beside their originals: what is on it, a server of it, and a copy as static files."""
