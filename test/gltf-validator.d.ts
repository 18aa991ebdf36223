declare module 'gltf-validator' {
  export interface Report {
    issues: { numErrors: number; numWarnings: number; messages: { code: string; message: string; severity: number }[] }
    info: { totalVertexCount: number; totalTriangleCount: number }
  }
  const validator: { validateBytes(bytes: Uint8Array): Promise<Report> }
  export default validator
}
