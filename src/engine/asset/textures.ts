/** The head's textures as one task: what `paintHead` needs is put together where it is painted. */
import type { Camera, CoarseMaps, Crop, FaceView, Mesh, Photo } from '../stages.js'
import { task } from '../threads/task.js'
import { relighting } from './light.js'
import { mirrorUv } from './mirror.js'
import { type HeadTextures, paintHead } from './paint.js'

export interface TexturesInput {
  size: number
  /** Whether the light is taken out of the colours, where it is known. */
  delight: boolean
  head: {
    /** Without seams, as in the photo; the same before detail, and the model's mean. Head frame, metres. */
    mesh: Mesh
    smooth: Mesh
    mean: Mesh
    uv: Float32Array
    uvIndices: Uint32Array
    faceRegion: Uint8Array
    parts: Uint8Array
  }
  photo: Photo
  camera: Camera
  crop: Crop
  view: Pick<FaceView, 'mask' | 'colour'> & { shading?: Float32Array }
  /** [size, size, 3] sRGB of the crop */
  image: Float32Array
  /** [size, size] 1 where the photo shows the face's skin, nothing of the head, the fitted face */
  trusted: Float32Array
  spoilt: Float32Array
  mask: CoarseMaps['mask']
}

/** Paints the textures. */
export function headTextures(input: TexturesInput): HeadTextures {
  const { head, view, image, trusted, spoilt, mask, photo, camera, crop, size } = input
  const residual = new Float32Array(trusted.length)
  for (let i = 0; i < residual.length; i++)
    if (view.mask[i]) for (let k = 3 * i; k < 3 * i + 3; k++) residual[i] += Math.abs(view.colour[k] - image[k]) / 3
  const relight = input.delight ? relighting(image, view.shading, trusted, crop.size) : undefined
  return paintHead(
    { ...head, mirror: mirrorUv(head.mean, head.uv, head.uvIndices) },
    { photo, camera, crop, mesh: head.mesh, mask, trusted, spoilt, image: relight?.image ?? image },
    { size, residual, relight },
  )
}

export const HEAD_TEXTURES = task(import.meta.url, headTextures)
