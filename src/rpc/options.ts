/** Settings of the server. */
import { join } from 'node:path'
import { defaultDataFolder } from '../engine/index.js'
import type { EngineOptions } from '../jobs/open.js'
import type { MetricsAddress } from './metrics-server.js'

export interface ServerOptions extends EngineOptions {
  /** Interface to listen on; beyond loopback it needs `tls`. */
  host: string
  /** 0 takes a free one. */
  port: number
  /** Folder of jobs, results and the token file. */
  dataFolder: string
  tokenFile: string
  /** The file's text in its place, where there is to be none. */
  tokens?: string
  /** Origins of web pages that may connect, such as 'http://localhost:8080'; programs send none. */
  origins: string[]
  /** Names by which clients may call the server besides loopback's own, such as 'render.example:7437'. */
  hosts: string[]
  /** PEM texts. */
  tls?: { cert: string; key: string }
  /** Metrics and health over plain HTTP, for machines that look after this one. */
  metrics?: MetricsAddress
  /** Most pixels of a photo. */
  maxPixels: number
  /** Largest photo, bytes. */
  photoBytes: number
  /** Photos that clients have not finished sending, bytes of all of them. */
  uploadBytes: number
  /** Time for a photo's parts and the job that takes them, milliseconds. */
  uploadMs: number
  /** Largest frame that is read, bytes. */
  messageBytes: number
  /** Connections at once. */
  maxConnections: number
  requestsPerSecond: number
  /** Messages to one client that may wait, bytes. */
  outboxBytes: number
  /** Time for `initialize`, milliseconds. */
  initializeMs: number
  /** A client that does not answer two pings in a row is let go; milliseconds between pings. */
  heartbeatMs: number
  /** Time for checkpoints at shutdown, milliseconds. */
  graceMs: number
  /** Program of the process that looks at faces; tests put another in its place. */
  faceProgram?: string
}

const DEFAULT_PORT = 7437

const MIB = 1024 * 1024

export function serverOptions(changes: Partial<ServerOptions> = {}): ServerOptions {
  const dataFolder = changes.dataFolder ?? defaultDataFolder()
  return {
    host: '127.0.0.1',
    port: DEFAULT_PORT,
    dataFolder,
    tokenFile: join(dataFolder, 'token'),
    origins: [],
    hosts: [],
    maxRunning: 1,
    maxQueued: 1000,
    eventsKept: 500,
    maxPixels: 100_000_000,
    keepDays: 7,
    keepBytes: 10 * 1024 * MIB,
    photoBytes: 64 * MIB,
    uploadBytes: 512 * MIB,
    uploadMs: 600_000,
    messageBytes: 16 * MIB,
    maxConnections: 256,
    requestsPerSecond: 200,
    outboxBytes: 4 * MIB,
    initializeMs: 5000,
    heartbeatMs: 30_000,
    graceMs: 20_000,
    ...changes,
  }
}
