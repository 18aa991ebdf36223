/** What a generated portrait shows: the person, the face they make, the camera, the light and the photo. draw.ts makes plans. */
import type { Camera } from '../stages.js'

/** Skin colours and marks. Strengths are 0..1 unless said otherwise. */
export interface Complexion {
  /** 0.15 (very light) .. 2 (very dark) */
  melanin: number
  /** 0.3 .. 0.8: how much blood shows */
  blood: number
  /** Strength of red blotches, of mottling at the scale of mm, and of uneven tan. */
  blotches: number
  mottling: number
  tan: number
  freckles: number
  moles: number
  /** Grey-blue shadow of a shaved beard, and its stubble. */
  beard: number
  stubble: number
  /** Sheen of the skin. */
  oil: number
  underEye: number
  lips: number
  /** Melanin of the hair, 0.3 (grey, blond) .. 3 (black), and the share of grey hairs. */
  hair: number
  grey: number
  /** Length of the hair on the skull in mm; 0: shaved. */
  hairLength: number
  /** Height of the hairline over the middle of the eyes, mm. */
  hairline: number
  browDensity: number
  iris: readonly [number, number, number]
}

/** Depths of the skin's relief, mm. */
export interface SkinRelief {
  forehead: number
  frown: number
  crowsFeet: number
  nasolabial: number
  underEye: number
  mouth: number
  fineLines: number
  pores: number
  lumps: number
  spots: number
}

export interface Lamp {
  /** Centre in the head frame, metres, and radius of the disc, metres. */
  position: readonly [number, number, number]
  radius: number
  /** Irradiance at the face, linear RGB. */
  colour: readonly [number, number, number]
}

export interface LightPlan {
  lamps: Lamp[]
  /** [9, 3] coefficients of `harmonics` (geometry/harmonics.ts) of the room's radiance. */
  room: Float64Array
}

export interface PhotoPlan {
  size: number
  /** Standard deviation of the sensor's noise in linear light at mid grey. */
  noise: number
  jpegQuality: number
  /** Blur of the lens, pixels. */
  blur: number
  vignette: number
  background: { colours: [number, number, number][]; seed: number }
  shirt: [number, number, number]
}

export interface PortraitPlan {
  /** Of the person. */
  seed: number
  /** Of what differs between photos of a person: noise, threads of the shirt, rays. */
  photoSeed: number
  age: number
  identity: Float64Array
  expression: Float64Array
  /** 0..1: how far the tongue is put out. */
  tongueOut: number
  /** In words. */
  expressionName: string
  complexion: Complexion
  relief: SkinRelief
  camera: Camera
  light: LightPlan
  photo: PhotoPlan
}
