import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { describe, expect, it } from 'vitest'
import { loadGraphProgram, loadTfjs, withTfjsBackend } from '../../../src/engine/compute/tfjs.js'

describe('networks beside other tfjs work', () => {
  it('names the file that is missing, and refuses a wrong input', async () => {
    await expect(loadGraphProgram('/nowhere/model.json', '/nowhere/model.bin', 'wasm')).rejects.toMatchObject({
      code: 'COMPUTE_FAILED',
    })
    const folder = join(dirname(dirname(createRequire(import.meta.url).resolve('@vladmandic/human'))), 'models')
    const network = await loadGraphProgram(join(folder, 'facemesh.json'), join(folder, 'facemesh.bin'), 'wasm')
    expect(network.inputShape).toEqual([1, 192, 192, 3])
    expect(() => network.run(new Float32Array(5))).toThrow(/110592/)
    network.dispose()
  })

  it('gives the backend back when work fails', async () => {
    await loadTfjs('wasm')
    await tf.setBackend('cpu')
    expect(() =>
      withTfjsBackend('wasm', () => {
        expect(tf.getBackend()).toBe('wasm')
        throw new Error('no luck')
      }),
    ).toThrow('no luck')
    expect(tf.getBackend()).toBe('cpu')
  })
})
