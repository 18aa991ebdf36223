/** NumPy files of head models: what is wrong with them is HEAD_INVALID. */
import { type NpyContent, type Npz, readNpy, readNpz } from '../formats/npy.js'
import { readPickle } from '../formats/pickle.js'
import { PickleObject, type PickleValue, readingHead } from '../formats/pickle-values.js'

/** @throws SiderError HEAD_INVALID */
export const readHeadNpy = (bytes: Uint8Array, file: string): NpyContent => readingHead(file, () => readNpy(bytes))

/** @throws SiderError HEAD_INVALID, also when a damaged array is asked for */
export function readHeadNpz(bytes: Uint8Array, file: string): Npz {
  const { names, get } = readingHead(file, () => readNpz(bytes))
  return { names, get: (name) => readingHead(`${file}:${name}`, () => get(name)) }
}

/** The one Python object of an object array of shape (), as inert data. @throws SiderError HEAD_INVALID */
export function pickledValue(pickle: Uint8Array, file: string): PickleValue {
  const value = readPickle(pickle, file)
  if (!(value instanceof PickleObject) || !Array.isArray(value.state)) return value
  const data = value.state[4]
  return Array.isArray(data) && data.length === 1 ? data[0] : value
}
