/**
 * Binary frames: payloads beside the JSON-RPC texts, in both directions. Runs in Node and browsers.
 *
 * Little-endian: magic u32, version u16, kind u16, header length u32, header (JSON, UTF-8), zero bytes up to a multiple of 8,
 * payload. A payload travels in parts, so that control messages are never stuck behind a mesh.
 */
import type { FrameHeader } from '../generated/protocol.js'

const MAGIC = 0x52444953 // 'SIDR'
const VERSION = 1
const PREFIX = 12
const HEADER_LIMIT = 16_384

/** Largest payload of one frame. Python's `websockets` refuses messages above 1 MiB unless told otherwise. */
export const PART_BYTES = 1024 * 1024 - HEADER_LIMIT

const FRAME_KINDS = { upload: 1, artifact: 2 } as const
export type FrameKind = keyof typeof FRAME_KINDS

export interface Frame {
  kind: FrameKind
  header: FrameHeader
  payload: Uint8Array
}

/** What comes before a part's payload: its length is a multiple of 8. */
export function encodeFrameHead(kind: FrameKind, header: FrameHeader): Uint8Array<ArrayBuffer> {
  const json = new TextEncoder().encode(JSON.stringify(header))
  const head = new Uint8Array(Math.ceil((PREFIX + json.length) / 8) * 8)
  const view = new DataView(head.buffer)
  view.setUint32(0, MAGIC, true)
  view.setUint16(4, VERSION, true)
  view.setUint16(6, FRAME_KINDS[kind], true)
  view.setUint32(8, json.length, true)
  head.set(json, PREFIX)
  return head
}

/** A whole frame. */
export function encodeFrame(kind: FrameKind, header: FrameHeader, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const head = encodeFrameHead(kind, header)
  const frame = new Uint8Array(head.length + payload.length)
  frame.set(head)
  frame.set(payload, head.length)
  return frame
}

/**
 * Reads a frame; the payload is a view of `bytes`. The header's fields are as the sender wrote them: a server validates them.
 * @throws RangeError for anything that is not a whole frame of this version
 */
export function decodeFrame(bytes: Uint8Array): Frame {
  if (bytes.length < PREFIX) throw new RangeError('the frame is shorter than its prefix')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.getUint32(0, true) !== MAGIC) throw new RangeError('the frame does not begin with SIDR')
  if (view.getUint16(4, true) !== VERSION) throw new RangeError(`the frame is not of version ${VERSION}`)
  const code = view.getUint16(6, true)
  const kind = Object.entries(FRAME_KINDS).find(([, value]) => value === code)?.[0] as FrameKind | undefined
  if (!kind) throw new RangeError(`there is no kind of frame ${code}`)
  const length = view.getUint32(8, true)
  const start = Math.ceil((PREFIX + length) / 8) * 8
  if (length > HEADER_LIMIT || start > bytes.length)
    throw new RangeError('the header is longer than the frame or the limit')
  let header: FrameHeader
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(PREFIX, PREFIX + length))
    header = JSON.parse(text) as FrameHeader
  } catch (cause) {
    throw new RangeError('the header is not JSON in UTF-8', { cause })
  }
  const payload = bytes.subarray(start)
  if (payload.length !== header?.bytes) throw new RangeError('the payload is not as long as the header says')
  return { kind, header, payload }
}

/** How many parts a payload travels in; an empty one still takes one. */
export const partCount = (bytes: number): number => Math.max(1, Math.ceil(bytes / PART_BYTES))
