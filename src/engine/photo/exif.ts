/** What EXIF tells: the focal length in pixels of the photo, and the colour space of cameras. */
import readExif from 'exif-reader'

/** Diagonal of the 36 x 24 mm frame that "35 mm equivalent" refers to (CIPA DCG-001: equal *diagonal* angle of view). */
const FULL_FRAME_DIAGONAL_MM = Math.hypot(36, 24)

/** Millimetres per FocalPlaneResolutionUnit (EXIF 2.32: 2 inch, 3 cm; 4 mm and 5 µm are in the field, from TIFF/EP). */
const UNIT_MM: Record<number, number> = { 2: 25.4, 3: 10, 4: 1, 5: 0.001 }

export interface ExifFocal {
  /** Focal length in pixels, undefined where EXIF does not tell it. */
  focalPx: number | undefined
  /** Why a stated focal length was not used, if so. */
  warning: string | undefined
}

/** Widths of sensors (mm) that are large enough to be told from a compact's: 1 inch, Four Thirds, APS-C, APS-H, 35 mm, medium. */
const SENSOR_WIDTHS_MM: ReadonlyArray<readonly [number, number]> = [
  [12.8, 13.4],
  [17, 18],
  [22, 24],
  [27, 29],
  [35, 36.5],
  [43, 45],
  [53, 54.5],
]

/** Long over short side of photos as cameras take them. Everything else was cropped later. */
const CAMERA_SHAPES = [3 / 2, 4 / 3, 16 / 9]

/**
 * Focal length in pixels from an EXIF block. Two sources are enough by themselves:
 *
 * - `FocalLengthIn35mmFilm` f35: the photo's diagonal corresponds to 43.27 mm, so f = f35 · diagonal / 43.27. (Reading it
 *   as "36 mm wide" instead agrees for 3:2 photos and is 4 % off for the 4:3 photos of telephones.)
 * - `FocalLength` (mm) with `FocalPlaneXResolution` (pixels per unit on the sensor): f = FocalLength · resolution. Finer than
 *   the first, which is rounded to whole millimetres, but programs that scale a photo leave it as it was: used only where it
 *   implies a sensor of a width that exists, and preferred over the first only where both agree within 4 %.
 *
 * `FocalLength` alone says nothing without the sensor's size. A photo that was scaled keeps its angle of view; one that was
 * cropped does not, and EXIF seldom tells. So a photo whose shape is no camera's (3:2, 4:3, 16:9), or differs from
 * PixelXDimension x PixelYDimension, has its figures refused: a wrong focal length is worse than an estimated one.
 *
 * @param exif the EXIF block as stored (with or without its "Exif\0\0" head)
 * @param width, height pixels as stored, before EXIF orientation
 */
export function exifFocal(exif: Buffer | undefined, width: number, height: number): ExifFocal {
  const tags = readTags(exif)?.Photo as Record<string, unknown> | undefined
  const none = { focalPx: undefined, warning: undefined }
  if (tags === undefined) return none
  const f35 = positive(tags['FocalLengthIn35mmFilm'])
  const focalMm = positive(tags['FocalLength'])
  const resolution = positive(tags['FocalPlaneXResolution'])
  const unitMm = UNIT_MM[positive(tags['FocalPlaneResolutionUnit']) ?? 2]
  const takenWidth = positive(tags['PixelXDimension']) ?? width
  const takenHeight = positive(tags['PixelYDimension']) ?? height

  const fromFilm = f35 === undefined ? undefined : (f35 * Math.hypot(width, height)) / FULL_FRAME_DIAGONAL_MM
  const fromPlane =
    focalMm === undefined || resolution === undefined || unitMm === undefined
      ? undefined
      : planeFocal(focalMm, resolution / unitMm, takenWidth, width)
  if (fromFilm === undefined && fromPlane === undefined) return none

  // Some programs rotate the pixels and leave PixelXDimension as it was: either order of the sides counts as the same shape.
  const shape = Math.max(width, height) / Math.min(width, height)
  const takenShape = Math.max(takenWidth, takenHeight) / Math.min(takenWidth, takenHeight)
  const cropped = Math.abs(shape / takenShape - 1) > 0.02
  if (cropped || !CAMERA_SHAPES.some((camera) => Math.abs(shape / camera - 1) < 0.01)) {
    return {
      focalPx: undefined,
      warning:
        `EXIF states a focal length, but the photo seems to be cropped (${width}x${height}` +
        `${cropped ? `, taken as ${takenWidth}x${takenHeight}` : ', which is no camera format'}), so it is not used.`,
    }
  }
  const agree = fromFilm !== undefined && fromPlane !== undefined && Math.abs(fromPlane / fromFilm - 1) < 0.04
  const focalPx = agree ? fromPlane : (fromFilm ?? fromPlane)!
  // 8 mm to 2000 mm equivalent: beyond that the tag is broken (or the lens no perspective lens).
  const equivalent = (focalPx * FULL_FRAME_DIAGONAL_MM) / Math.hypot(width, height)
  if (!(equivalent >= 8 && equivalent <= 2000)) {
    return {
      focalPx: undefined,
      warning: `EXIF states a focal length of ${equivalent.toPrecision(3)} mm (35 mm equivalent), which is not plausible: not used.`,
    }
  }
  return { focalPx, warning: undefined }
}

/** f in pixels from sensor pixels per mm, where the sensor's implied width is that of a real one. */
function planeFocal(focalMm: number, pixelsPerMm: number, takenWidth: number, width: number): number | undefined {
  const sensorMm = takenWidth / pixelsPerMm
  if (!SENSOR_WIDTHS_MM.some(([low, high]) => sensorMm >= low && sensorMm <= high)) return undefined
  return focalMm * pixelsPerMm * (width / takenWidth)
}

function positive(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : undefined
}

/** Whether EXIF says that the colours are Adobe RGB, as cameras write it in place of a profile. */
export function exifAdobeRgb(exif: Buffer | undefined): boolean {
  const tags = readTags(exif)
  const space = tags?.Photo?.ColorSpace
  const uncalibrated = 0xffff
  return space === 2 || (space === uncalibrated && String(tags?.Iop?.InteroperabilityIndex).startsWith('R03'))
}

/** All tags; undefined where there are none or the block is damaged (EXIF damage never makes a photo unusable). */
function readTags(exif: Buffer | undefined): ReturnType<typeof readExif> | undefined {
  if (exif === undefined) return undefined
  try {
    return readExif(exif)
  } catch {
    return undefined
  }
}
