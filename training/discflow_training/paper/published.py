"""The figures that the paper prints (tables 1, 2, 4 and 5), in percent."""

from __future__ import annotations

ABLATIONS = {
    "proposed": 99.37,
    "without fine-tuning": 96.84,
    "no crop": 93.10,
    "segmentation": 91.86,
    "no custom loss": 91.63,
}

DETECTION = {"lumbar": (99.50, 99.90, 100.00), "disc": (99.40, 98.70, 99.30)}
"""mAP50, precision and recall of the results section and figure 3."""

CLASSIFICATION_COLUMNS = ("accuracy", "frozen", "auc", "specificity", "precision", "recall", "f1")
CLASSIFICATION: dict[str, tuple[float, ...]] = {
    "vgg16": (89.87, 81.01, 82.98, 100, 100, 65.96, 79.49),
    "vgg19": (92.41, 82.28, 87.23, 100, 100, 74.47, 85.37),
    "resnet50": (96.84, 94.94, 95.91, 98.20, 95.65, 93.62, 94.62),
    "densenet121": (93.04, 89.24, 88.91, 99.09, 97.37, 78.73, 87.06),
    "inceptionv3": (93.03, 92.41, 91.98, 94.60, 87.50, 89.36, 88.42),
    "xception": (96.84, 90.51, 96.52, 97.30, 93.75, 95.75, 94.74),
    "aem": (98.10, 93.67, 96.81, 100, 100, 93.62, 96.70),
    "wae": (99.37, 96.84, 98.94, 100, 100, 97.87, 98.93),
}
"""Accuracy fine-tuned, accuracy frozen, the paper's AUC, specificity, precision, recall, F1."""

WAE_COUNTS = (46, 1, 0, 111)
"""Right and missed positives, wrong and right negatives: the only whole numbers of 158 discs that the WAE's row fits."""

SEGMENTATION: dict[tuple[str, str], tuple[float, float]] = {
    ("unet", "resnet34"): (91.55, 95.57), ("unet", "resnet50"): (91.20, 95.38),
    ("unet", "resnext50"): (90.90, 95.22), ("unet", "vgg16"): (90.83, 95.18),
    ("linknet", "resnet34"): (91.27, 95.42), ("linknet", "resnet50"): (90.11, 94.77),
    ("linknet", "resnext50"): (90.83, 95.17), ("linknet", "vgg16"): (90.64, 95.07),
    ("fpn", "resnet34"): (90.89, 95.21), ("fpn", "resnet50"): (89.85, 94.63),
    ("fpn", "resnext50"): (89.73, 94.56), ("fpn", "vgg16"): (86.18, 92.52),
    ("pspnet", "resnet34"): (90.84, 95.18), ("pspnet", "resnet50"): (90.71, 95.11),
    ("pspnet", "resnext50"): (89.50, 94.43), ("pspnet", "vgg16"): (90.39, 94.93),
    ("deeplabv3plus", "resnet50"): (90.20, 94.83),
}
"""Mean IoU with background and Dice."""

SPINE_ENSEMBLE = {
    "diceWithBackground": 95.74,
    "iou/canal": 89.37,
    "iou/vertebra": 92.18,
    "iou/disc": 90.24,
    "mIoUWithBackground": 91.86,
}
CANNOT_BE_COMPARED = (
    "The paper's pictures and labels are private, of one scanner and one hospital; ours are public, of several hospitals, with "
    "other label rules. Rows beside each other say how the same recipe does on other data, not which is better.",
    "PLID in the paper is a prolapse told from discs without one. Here the positive class of these tables is bulge or "
    "herniation, since strict herniation has too few test cases (see the counts); a bulge is harder to tell than a prolapse.",
    "The paper's AUC equals (recall + specificity) / 2 in every row of its table 2: a balanced accuracy at one threshold. It "
    "stands beside our balanced accuracy; our area under the ROC curve has a column of its own.",
    "The paper starts from ImageNet weights. These runs start from encoders that were pretrained on the discs of our own "
    "training patients, at the stated width and input size, and with the stated number of epochs.",
    "The paper's discs are cropped with boxes that its detectors found; these runs take labelled boxes, enlarged by 10 %.",
    "What the paper fed its networks without cropping is not told. Here it is the whole slice with one answer a slice, so its "
    "n counts slices; the comparison by patient puts both on one footing.",
    "The paper's figure 6 shows masks on pictures of patients. No patient's picture stands here: tables 4 and 5 say by network "
    "and by class what ours are worth.",
    "The paper names no intervals. Ours are 95 % over patients drawn with replacement.",
)
