/**
 * A tfjs backend that computes nothing: its kernels append nodes to a `Graph`. Running a tfjs program on it once,
 * gradients included, yields the graph of that program.
 */
import { type BackendValues, type DataType, KernelBackend, type TensorInfo } from '@tensorflow/tfjs-core'
import type { DType, Graph, Value } from './graph.js'

export class TraceBackend extends KernelBackend {
  /** The graph under construction; set for the duration of one trace. */
  graph: Graph | undefined
  private readonly values = new Map<object, Value>()

  get activeGraph(): Graph {
    if (!this.graph) throw new Error('a tensor operation ran on the tracing backend outside of a trace')
    return this.graph
  }

  /** The graph value behind a tensor. */
  lookup(tensor: TensorInfo): Value {
    const value = this.values.get(tensor.dataId)
    if (!value) throw new Error('a tensor of another backend entered a traced program: create it inside the program')
    return value
  }

  /** Wraps a graph value as a tensor that tfjs can hand on. */
  wrap(value: Value): TensorInfo {
    const dataId = {}
    this.values.set(dataId, value)
    return { dataId, shape: [...value.shape], dtype: value.dtype }
  }

  override write(values: BackendValues, shape: number[], dtype: DataType): object {
    if (dtype === 'string' || dtype === 'complex64') throw new Error(`traced programs have no ${dtype} tensors`)
    const dataId = {}
    this.values.set(dataId, this.activeGraph.constant(values as Float32Array, shape, dtype as DType))
    return dataId
  }

  override move(dataId: object, values: BackendValues, shape: number[], dtype: DataType): void {
    this.values.set(dataId, this.activeGraph.constant(values as Float32Array, shape, dtype as DType))
  }

  override readSync(): never {
    throw new Error('a traced program cannot read values: its tensors have none yet')
  }
  override async read(): Promise<never> {
    return this.readSync()
  }
  override numDataIds(): number {
    return this.values.size
  }
  override disposeData(dataId: object): boolean {
    this.values.delete(dataId)
    return true
  }
  override refCount(): number {
    return 1
  }
  override incRef(): void {}
  decRef(): void {}
  override memory(): { unreliable: boolean; reasons: string[] } {
    return { unreliable: true, reasons: ['tensors of a trace hold no data'] }
  }
  override timerAvailable(): boolean {
    return false
  }
  override floatPrecision(): 16 | 32 {
    return 32
  }
  override epsilon(): number {
    return 1e-7
  }
  override dispose(): void {
    this.values.clear()
  }
}
