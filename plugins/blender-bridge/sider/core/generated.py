# SPDX-License-Identifier: GPL-3.0-or-later
"""Generated from schemas/ by `npm run generate`. Do not edit."""

PROTOCOL_VERSION = 2

END_STATES = ("completed", "failed", "cancelled")

PROFILES = ("arkit", "vrm", "unreal", "metahuman", "headshot", "faceit", )
"""Programs that heads are made for, the first by default."""

HINTS = {
    "USAGE": "The message names the setting, its value and what is allowed. Set it back to what the preset has.",
    "IMAGE_NOT_FOUND": "Choose the photo again.",
    "IMAGE_UNREADABLE": "Choose a JPEG, PNG, WebP, AVIF or TIFF file. A damaged photo may be saved again as PNG in Blender's image editor.",
    "IMAGE_FETCH_FAILED": "Fetch the photo yourself and choose its file.",
    "IMAGE_TOO_SMALL": "Use a larger version of the photo; enlarging this one adds no detail.",
    "IMAGE_TOO_LARGE": "Scale the photo down.",
    "NO_FACE": "Choose a photo that shows the face larger, from the front and in even light.",
    "SEVERAL_FACES": "Choose one of the faces, or crop the photo to one.",
    "FACE_NOT_LISTED": "Choose one of the faces that the photo shows.",
    "FACE_CUT": "Choose a photo that shows both eyes, the nose and the mouth, or another face of it.",
    "FACE_TOO_SMALL": "Choose a photo of higher resolution, or a larger face of it.",
    "FACE_UNCLEAR": "Choose a photo that shows the face larger, less turned or less covered, or another face of it.",
    "LANDMARKS_INVALID": "Give 68 or 478 points [x, y] in photo pixels, and only such corrections as lie in the photo.",
    "HEAD_UNKNOWN": "Use the built-in head.",
    "HEAD_INVALID": "Use the built-in head; the engine's own file of the other one is damaged.",
    "HEAD_DOWNLOAD_FAILED": "Use the built-in head.",
    "HEAD_FIT_FAILED": "Choose another photo.",
    "BACKEND_MISSING": "Set the backend to auto.",
    "COMPUTE_FAILED": "Try again, or choose another backend.",
    "OUT_OF_MEMORY": "Choose a smaller crop size, or close other programs on the engine's machine.",
    "DIVERGED": "Lower the learning rate, or try another seed.",
    "SURFACE_EMPTY": "Use the preset balanced.",
    "CHECKPOINT_INVALID": "Start the run anew.",
    "TRUTH_INVALID": "docs/evaluation.md shows the layouts that are read.",
    "RESULT_INVALID": "Make the reconstruction anew.",
    "OUTPUT_UNWRITABLE": "The engine's data folder must be made writable by whoever runs it; accepted jobs wait until it is.",
    "DISK_FULL": "Free some space on the engine's machine: jobs that are accepted wait until there is room.",
    "CANCELLED": "Start the run anew.",
    "REMOTE": "Is the engine running, and as new as this add-on?",
    "WORKER_LOST": "The engine's log has more. Try again, with a smaller size of the face crop perhaps.",
    "QUEUE_UNAVAILABLE": "Try again in a minute; what was accepted is kept.",
    "STORAGE_UNAVAILABLE": "Try again in a minute; what was accepted is kept.",
    "QUEUE_FULL": "Try again later.",
    "TOO_LARGE": "Choose a smaller file.",
    "RATE": "Wait a minute, and send less at once.",
    "UNAUTHORISED": "Clear the token in the add-on's preferences for the engine of this machine, or enter the server's own.",
    "NOT_INITIALISED": "Send initialize first, once.",
    "VERSION": "Install the add-on of the engine's version; `sider doctor` says where its file is.",
    "NO_SUCH_JOB": "It was deleted, or belongs to another token.",
    "WRONG_STATE": "Wait until its state has changed, or make a new job.",
    "ARTIFACT_GONE": "Of previews only the newest of each kind is kept.",
    "NO_SUCH_UPLOAD": "Send the photo again.",
    "PARSE": "Send one JSON-RPC 2.0 object, or an array of them, in a text frame.",
    "REQUEST": "A request has jsonrpc: \"2.0\", a method, params as an object, and an id.",
    "METHOD": "rpc.discover lists the methods.",
    "PARAMS": "data.problems names each of them and what to do.",
    "INTERNAL": "Please report it with the engine's log.",
}
