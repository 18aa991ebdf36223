/** MediaPipe's face mesh by name: index lists into the 478 points. Right and left are the subject's. */

/** The iBUG 68 landmarks as the face mesh has them. */
export const IBUG68_FROM_478: readonly number[] = [
  162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389, 71, 63, 105, 66, 107, 336, 296,
  334, 293, 301, 168, 197, 5, 4, 75, 97, 2, 326, 305, 33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380, 61, 39,
  37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87,
]

/** Lid contours, in order around the eye. */
export const RIGHT_EYE: readonly number[] = [33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7]
export const LEFT_EYE: readonly number[] = [
  263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249,
]

/** Inner edge of the lips, in order around the opening. */
export const LIPS_INNER: readonly number[] = [
  78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95,
]

/** Irises: centre, then four points around it. */
export const RIGHT_IRIS: readonly number[] = [468, 469, 470, 471, 472]
export const LEFT_IRIS: readonly number[] = [473, 474, 475, 476, 477]

/** The same four contours for the iBUG 68 layout. */
export const RIGHT_EYE_68: readonly number[] = [36, 37, 38, 39, 40, 41]
export const LEFT_EYE_68: readonly number[] = [42, 43, 44, 45, 46, 47]
export const LIPS_INNER_68: readonly number[] = [60, 61, 62, 63, 64, 65, 66, 67]

/** Points of the iris network's 71-point eye contour that lie on the face mesh's lid contour (its first 16). */
export const IRIS_NET_TO_RIGHT_EYE: readonly number[] = [
  33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173,
]
export const IRIS_NET_TO_LEFT_EYE: readonly number[] = [
  263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398,
]
