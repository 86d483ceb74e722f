"""The real icevision 0.12.0 beside contorno: mended, its records and models taken and given, its checkpoints opened.

    from contorno.integrations import icevision
    ice = icevision.mend().ice                          # what `from icevision.all import *` gives

    train_ds = icevision.dataset(ice_records, tfms)     # a contorno Dataset, for contorno's loaders
    records = icevision.from_icevision(ice_records)     # contorno Records; to_icevision(records) goes back
    model = icevision.model_from_icevision(ice_model)   # for contorno's learner, predict and evaluate; same parameters
    ice_model = icevision.model_to_icevision(model)     # for icevision's predict and learner; same parameters
    opened = icevision.read_checkpoint("model.pth").build()
    fitted, learn = icevision.engine(train_ds, valid_ds, batch_size=4)      # trained by icevision, into a run folder

Only `mend`, `engine`, `to_icevision` and `model_to_icevision` import icevision; the others look at the shape of what
they get.
"""

from contorno.integrations.icevision.checkpoints import Checkpoint, read_checkpoint, write_checkpoint
from contorno.integrations.icevision.datasets import dataset
from contorno.integrations.icevision.engine import Trainee, engine
from contorno.integrations.icevision.mending import REPAIRS, VERSION, Mended, check_installed, mend
from contorno.integrations.icevision.models import model_from_icevision, model_to_icevision
from contorno.integrations.icevision.predictions import predictions_from_icevision
from contorno.integrations.icevision.records_in import from_icevision
from contorno.integrations.icevision.records_out import to_icevision

__all__ = [
    "REPAIRS",
    "VERSION",
    "Checkpoint",
    "Mended",
    "Trainee",
    "check_installed",
    "dataset",
    "engine",
    "from_icevision",
    "mend",
    "model_from_icevision",
    "model_to_icevision",
    "predictions_from_icevision",
    "read_checkpoint",
    "to_icevision",
    "write_checkpoint",
]
