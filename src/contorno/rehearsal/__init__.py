"""The offline Open Images: drawn photographs in the real bucket's layout, behind a server on this machine."""

from contorno.rehearsal.answers import Fault
from contorno.rehearsal.bucket import OfflineBucket, make_bucket
from contorno.rehearsal.scenes import Scene, SceneObject, draw_scene
from contorno.rehearsal.server import Request, Server, serve

__all__ = ["Fault", "OfflineBucket", "Request", "Scene", "SceneObject", "Server", "draw_scene", "make_bucket", "serve"]
