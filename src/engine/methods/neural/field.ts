/** The field while the networks learn: the relief's distance and what the geometry network adds to it. */
import type { FieldFrame, ImplicitField } from '../../stages.js'

type Offset = (points: Float32Array) => Promise<{ offset: Float32Array; gradient: Float32Array }>

export class NeuralField implements ImplicitField {
  readonly frame: FieldFrame

  constructor(
    private readonly base: ImplicitField,
    private readonly offset: Offset,
  ) {
    this.frame = base.frame
  }

  async sdf(points: Float32Array): Promise<Float32Array> {
    return (await this.sdfAndGradient(points)).sdf
  }

  async sdfAndGradient(points: Float32Array): Promise<{ sdf: Float32Array; gradient: Float32Array }> {
    const [base, more] = await Promise.all([this.base.sdfAndGradient(points), this.offset(points)])
    return {
      sdf: base.sdf.map((f, i) => f + more.offset[i]),
      gradient: base.gradient.map((g, i) => g + more.gradient[i]),
    }
  }
}
