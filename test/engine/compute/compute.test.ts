/** Tensor programs: the tracer, its kernels, and every backend of this machine against tfjs's plain JavaScript one. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { RESULTS, runBackendPrograms, worstDifference } from '../../../bench/gpu-check/programs.js'
import { softwareVulkan } from '../../../bench/gpu-check/vulkan.js'
import type { Backend } from '../../../src/engine/compute/backends.js'
import { EagerDevice } from '../../../src/engine/compute/eager-device.js'
import { hasVulkanLoader } from '../../../src/engine/compute/hardware.js'
import { describeBackends, openDevice } from '../../../src/engine/compute/index.js'
import { OrtDevice } from '../../../src/engine/compute/ort-device.js'
import type { Arrays, Body, Device, Program, Shapes } from '../../../src/engine/compute/program.js'
import { loadTfjs } from '../../../src/engine/compute/tfjs.js'
import type { Node, Value } from '../../../src/engine/compute/trace/graph.js'
import { traceProgram } from '../../../src/engine/compute/trace/index.js'
import { TRACE_BACKEND } from '../../../src/engine/compute/trace/kernels.js'
import { KERNEL_CASES, randomFeeds } from './kernel-cases.js'

const eager = new EagerDevice('cpu')
const compiled = new OrtDevice({ provider: 'cpu', threads: 1 })

beforeAll(async () => {
  await loadTfjs('cpu')
})

async function runOn(device: Device, inputs: Shapes, body: Body, feeds: Arrays): Promise<Arrays> {
  const executable = await device.compile({ name: 'test', inputs, body })
  const result = await executable.run(feeds)
  await executable.dispose()
  return result
}

/** The program as text, one node a line. */
function formatGraph(nodes: readonly Node[]): string {
  const show = (v: Value): string => (v.splat !== undefined ? `${v.splat}` : v.data ? `const[${v.shape}]` : v.name)
  return nodes
    .map((n) => {
      const attributes = Object.keys(n.attributes).length > 0 ? ` ${JSON.stringify(n.attributes)}` : ''
      return `${n.outputs.map((o) => `${o.name}[${o.shape}]`).join(', ')} = ${n.op}(${n.inputs.map(show).join(', ')})${attributes}`
    })
    .join('\n')
}

const text = (inputs: Shapes, body: Body): string => formatGraph(traceProgram(body, inputs, {}).nodes)
const ops = (inputs: Shapes, body: Body): string[] => traceProgram(body, inputs, {}).nodes.map((node) => node.op)

describe('tracer', () => {
  it('records a program and its gradient', () => {
    const body: Body = ({ x, w, b }) => {
      const loss = (weights: tf.Tensor, bias: tf.Tensor): tf.Scalar =>
        tf.sum(tf.relu(tf.add(tf.matMul(x as tf.Tensor2D, weights as tf.Tensor2D), bias)))
      const { value, grads } = tf.valueAndGrads(loss as (...t: tf.Tensor[]) => tf.Scalar)([w, b])
      return { outputs: { loss: value, dw: grads[0], db: grads[1] } }
    }
    expect(text({ x: [4, 3], w: [3, 2], b: [2] }, body)).toMatchInlineSnapshot(`
      "v4[4,2] = Gemm(x, w, b) {"transA":0,"transB":0}
      v5[4,2] = Relu(v4)
      output:loss[] = ReduceSum(v5, const[2]) {"keepdims":0}
      v12[4,2] = Greater(v4, 0)
      v13[4,2] = Cast(v12) {"to":1}
      output:db[2] = ReduceSum(v13, const[1]) {"keepdims":0}
      output:dw[3,2] = Gemm(x, v13) {"transA":1,"transB":0}"
    `)
  })

  it('folds constants and neutral elements', () => {
    const body: Body = ({ x }) => {
      const two = tf.add(tf.scalar(1), tf.onesLike(x))
      const same = tf.add(tf.mul(x, 1), tf.zeros([2, 3]))
      return { outputs: { y: tf.mul(same, tf.sqrt(tf.mul(two, 2))), zero: tf.sum(tf.mul(x, 0)) } }
    }
    expect(text({ x: [2, 3] }, body)).toMatchInlineSnapshot(`
      "output:y[2,3] = Mul(x, 2)
      output:zero[] = Identity(0)"
    `)
  })

  it('computes equal expressions once', () => {
    const inputs = { x: [5], y: [5] }
    const twice: Body = ({ x, y }) => ({ outputs: { z: tf.add(tf.sin(tf.mul(x, y)), tf.cos(tf.mul(y, x))) } })
    expect(ops(inputs, twice)).toEqual(['Mul', 'Sin', 'Cos', 'Add'])
  })

  it('shares equal constants, so that what follows from them is computed once', () => {
    const weigh = (x: tf.Tensor, last: number) => tf.exp(tf.mul(x, tf.tensor1d([1, 2, last])))
    const twice =
      (last: number): Body =>
      ({ x }) => ({ outputs: { z: tf.add(weigh(x, 3), tf.sin(weigh(x, last))) } })
    expect(ops({ x: [3] }, twice(3))).toEqual(['Mul', 'Exp', 'Sin', 'Add'])
    expect(ops({ x: [3] }, twice(-3)).filter((op) => op === 'Exp')).toHaveLength(2)
  })

  it('leaves out what no output needs', () => {
    const body: Body = ({ x }) => {
      tf.exp(x)
      return { outputs: { y: tf.sin(x) } }
    }
    expect(ops({ x: [5] }, body)).toEqual(['Sin'])
  })

  it('puts biases into the product, but not where the product is needed by itself', () => {
    const inputs = { x: [4, 3], w: [3, 2], b: [2] }
    const product = ({ x, w }: Record<string, tf.Tensor>) => tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D)
    const sum: Body = (t) => ({ outputs: { y: tf.add(product(t), t['b']) } })
    const both: Body = (t) => ({ outputs: { y: tf.add(product(t), t['b']), p: product(t) } })
    expect(ops(inputs, sum)).toEqual(['Gemm'])
    expect(ops(inputs, both)).toEqual(['Gemm', 'Add'])
  })

  it('keeps the gradient of abs on both sides of zero', async () => {
    const body: Body = ({ x }) => ({ outputs: { g: tf.grad((t: tf.Tensor) => tf.sum(tf.abs(t)))(x) } })
    const feeds = { x: Float32Array.of(-2, -0.5, 0.25, 3) }
    expect([...(await runOn(compiled, { x: [4] }, body, feeds))['g']]).toEqual([-1, -1, 1, 1])
    expect([...(await runOn(eager, { x: [4] }, body, feeds))['g']]).toEqual([-1, -1, 1, 1])
  })

  it('says so when a program reads values while it is traced, and gives tfjs its backend back', async () => {
    await tf.setBackend('cpu')
    expect(() => traceProgram(({ x }) => ({ outputs: { y: tf.scalar(x.dataSync()[0]) } }), { x: [1] }, {})).toThrow(
      /cannot read values/,
    )
    expect(tf.getBackend()).toBe('cpu')
  })
})

describe('kernels of the tracer', () => {
  it('are all listed below', () => {
    traceProgram(({ x }) => ({ outputs: { x } }), { x: [1] }, {})
    const registered = tf.getKernelsForBackend(TRACE_BACKEND).map((kernel) => kernel.kernelName)
    expect([...new Set(KERNEL_CASES.map((one) => one.kernel))].sort()).toEqual(registered.sort())
  })

  it.each(KERNEL_CASES)('$kernel: $name', async ({ kernel, inputs, body, range }) => {
    const feeds = randomFeeds(inputs, range)
    const used: string[] = []
    const profiled: Body = (tensors, variables) => {
      const engine = tf.engine()
      const { state } = engine as unknown as {
        state: { profiling: boolean; activeProfile: { kernels: { name: string }[] } }
      }
      state.profiling = true
      state.activeProfile = { kernels: [], newBytes: 0, newTensors: 0, peakBytes: 0 } as never
      try {
        return body(tensors, variables)
      } finally {
        state.profiling = false
        used.push(...state.activeProfile.kernels.map((one) => one.name))
      }
    }
    const expected = await runOn(eager, inputs, profiled, feeds)
    expect(used).toContain(kernel)
    const got = await runOn(compiled, inputs, body, feeds)
    expect(worstDifference(expected, got).error).toBeLessThan(1e-5)
    for (const values of Object.values(expected)) expect(values.every(Number.isFinite)).toBe(true)
  })
})

describe('devices', () => {
  /** Counts up a variable and hands out its former value. */
  const counter: Program = {
    name: 'counter',
    inputs: { by: [] },
    body: ({ by }, { n, other }) => ({
      outputs: { before: tf.add(n, 0) },
      updates: { n: tf.add(tf.add(n, by), tf.mul(other, 0)) },
    }),
  }
  const initial = () => ({
    n: { shape: [2], data: Float32Array.of(1, 2) },
    other: { shape: [2], data: Float32Array.of(5, 6) },
  })
  const wrongIndex: Program = {
    name: 'wrong-index',
    inputs: { x: [3], at: [1] },
    body: ({ x, at }) => ({ outputs: { y: tf.gather(x, tf.cast(at, 'int32')) } }),
  }

  for (const device of [eager, compiled]) {
    it(`${device.name}: variables keep updates, can be read and written`, async () => {
      const given = initial()
      const variables = device.variables(given)
      const program = await device.compile(counter, variables)
      expect([...(await program.run({ by: Float32Array.of(10) }))['before']]).toEqual([1, 2])
      expect([...(await program.run({ by: Float32Array.of(10) }))['before']]).toEqual([11, 12])
      const values = await variables.read()
      expect([[...values['n']], [...values['other']]]).toEqual([
        [21, 22],
        [5, 6],
      ])
      values['n'].fill(0)
      expect([...(await variables.read(['n']))['n']]).toEqual([21, 22])
      variables.write({ n: Float32Array.of(7, 8) })
      await program.run({ by: Float32Array.of(1) })
      expect([...(await variables.read(['n']))['n']]).toEqual([8, 9])
      expect(Object.keys(await variables.read(['n']))).toEqual(['n'])
      expect([...given.n.data]).toEqual([1, 2])
      await program.dispose()
      variables.dispose()
    })

    it(`${device.name}: leaves no tensors behind`, async () => {
      const variables = device.variables(initial())
      const program = await device.compile(counter, variables)
      await program.run({ by: Float32Array.of(1) })
      const before = tf.memory().numTensors
      for (let i = 0; i < 5; i++) await program.run({ by: Float32Array.of(1) })
      await variables.read()
      expect(tf.memory().numTensors).toBe(before)
      await program.dispose()
      variables.dispose()
      expect(tf.memory().numTensors).toBe(before - (device === eager ? 2 : 0))
    })

    it(`${device.name}: a failing program is COMPUTE_FAILED, and the device goes on`, async () => {
      const program = await device.compile(wrongIndex)
      const x = Float32Array.of(1, 2, 3)
      await expect(program.run({ x, at: Float32Array.of(9) })).rejects.toMatchObject({ code: 'COMPUTE_FAILED' })
      expect([...(await program.run({ x, at: Float32Array.of(2) }))['y']]).toEqual([3])
      await program.dispose()
    })

    it(`${device.name}: refuses feeds of a wrong size`, async () => {
      const program = await device.compile(wrongIndex)
      await expect(program.run({ x: new Float32Array(2), at: new Float32Array(1) })).rejects.toThrow(
        /has 2 numbers, not 3/,
      )
      await program.dispose()
    })
  }

  it('tells matrix work of a compiled program', async () => {
    const body: Body = ({ a, b }) => ({ outputs: { c: tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D, true, false) } })
    const program = await compiled.compile({ name: 'product', inputs: { a: [7, 5], b: [7, 3] }, body })
    expect(program.matrixFlops).toBe(2 * 7 * 5 * 3)
    await program.dispose()
  })
})

describe('backends', () => {
  let expected: Arrays
  beforeAll(async () => {
    expected = await runBackendPrograms(eager)
  })

  it('auto never takes one that is not available; reasons are given', async () => {
    const { backends, chosen, why } = await describeBackends()
    expect(backends.find(({ name }) => name === chosen)?.available).toBe(true)
    expect(why).not.toBe('')
    for (const { name, reason } of backends) expect(reason, name).toMatch(/\w/)
    for (const { name, available } of backends) {
      if (!available) await expect(openDevice(name, 1)).rejects.toMatchObject({ code: 'BACKEND_MISSING' })
    }
  })

  describe('with one that answers wrongly', () => {
    /** Products with its first input are too large by 2 %. */
    const multipliesWrongly = (): Device => ({
      ...wrapped(compiled),
      compile: (program, variables) =>
        compiled.compile(
          {
            ...program,
            body: ({ x, ...inputs }, values) => program.body({ ...inputs, x: tf.mul(x, 1.02) }, values),
          },
          variables,
        ),
    })
    /** Its programs are right, but what they write is lost. */
    const forgets = (): Device => ({
      ...wrapped(compiled),
      compile: (program, variables) =>
        compiled.compile({ ...program, body: (...all) => ({ ...program.body(...all), updates: {} }) }, variables),
    })
    const wrapped = (device: Device): Device => ({
      name: 'wrong',
      variables: (initial) => device.variables(initial),
      compile: (program, variables) => device.compile(program, variables),
      dispose: async () => {},
    })
    const backend = (name: string, open: () => Device): Backend => ({
      name,
      about: 'it is there',
      isSoftware: () => false,
      open: async () => open(),
    })
    const missing = (): never => {
      throw new Error('it is not installed')
    }
    const all = [
      backend('missing', missing),
      backend('wrong', multipliesWrongly),
      backend('forgetful', forgets),
      backend('right', () => compiled),
      backend('later', missing),
    ]

    it('doctor says what it answers, and auto takes the next', async () => {
      const { backends, chosen, why } = await describeBackends(all)
      expect(chosen).toBe('right')
      expect(why).toContain('missing, wrong, forgetful')
      expect(backends.map(({ available }) => available)).toEqual([false, false, false, true, false])
      expect(backends[0].reason).toBe('it is not installed')
      expect(backends[1].reason).toMatch(/computes wrongly: the (loss|gradient) of step 1 is -?\d.*, not -?\d/)
      expect(backends[2].reason).toMatch(/computes wrongly: the loss of step 2 is/)
    })

    it('a run is told why auto passes it over, and gets one that computes', async () => {
      const notes: string[] = []
      const device = await openDevice('auto', 1, { all, onNote: (text) => notes.push(text) })
      expect(device).toBe(compiled)
      expect(notes).toHaveLength(2)
      expect(notes[0]).toMatch(/^The backend wrong was not taken: it computes wrongly/)
    })

    it('asked for by name it is refused, and so is auto where nothing is left', async () => {
      const refused = { code: 'BACKEND_MISSING', message: expect.stringContaining('computes wrongly') }
      await expect(openDevice('wrong', 1, { all })).rejects.toMatchObject(refused)
      await expect(openDevice('auto', 1, { all: all.slice(0, 3) })).rejects.toMatchObject(refused)
      expect((await describeBackends(all.slice(0, 3))).chosen).toBe('none')
    })
  })

  it.each(['ort-cpu', 'tfjs-wasm'])('%s computes what tfjs-cpu computes', async (name) => {
    const got = await runBackendPrograms(await openDevice(name, 1))
    // Adam's first steps divide by the gradient: where that is nearly zero, its rounding decides the step's sign.
    expect(worstDifference(expected, got).error).toBeLessThan(1e-3)
  })

  // A GPU backend runs in a process of its own: a driver that crashes must not take the tests down.
  it.for(['ort-webgpu', 'ort-cuda', 'tfjs-webgpu', 'tfjs-node-gpu', 'tfjs-node'])(
    '%s computes what tfjs-cpu computes',
    { timeout: 300_000 },
    (name, { skip }) => {
      if (name.endsWith('webgpu') && !hasVulkanLoader()) skip('no Vulkan loader (Debian: apt install libvulkan1)')
      const script = fileURLToPath(new URL('../../../bench/gpu-check/programs.ts', import.meta.url))
      const run = spawnSync(process.execPath, ['--import', 'tsx', script, name], {
        encoding: 'utf8',
        timeout: 280_000,
        maxBuffer: 1 << 28,
        env: { ...process.env, ...softwareVulkan() },
      })
      if (run.stderr.includes('BACKEND_MISSING'))
        skip(/SiderError: .*cannot be used here: (.*)/.exec(run.stderr)?.[1] ?? 'not available')
      expect(run.status, run.stderr.slice(-2000)).toBe(0)
      const values = JSON.parse(run.stdout.trim().split('\n').at(-1)!) as Record<string, number[]>
      const got = Object.fromEntries(Object.entries(values).map(([key, list]) => [key, Float32Array.from(list)]))
      const results = (all: Arrays): Arrays => Object.fromEntries(RESULTS.map((key) => [key, all[key]]))
      expect(worstDifference(results(expected), results(got)).error).toBeLessThan(1e-3)
      // Weights: see above, and GPUs round every product differently.
      expect(worstDifference(expected, got).error).toBeLessThan(0.02)
    },
  )
})
