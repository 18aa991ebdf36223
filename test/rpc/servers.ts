/** Servers and clients of a test file, which are closed after each test, the last first. */
import { afterEach } from 'vitest'
import type { ServerOptions } from '../../src/rpc/options.js'
import { Peer, type TestServer, testServer } from './service-peer.js'

const ends: (() => Promise<void> | void)[] = []

/** To be called at the head of a test file. */
export function closeAfterEach(): void {
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end()
  })
}

/** Something else to be ended. */
export const endLater = (end: () => Promise<void> | void): void => void ends.push(end)

export async function start(options: Partial<ServerOptions> = {}): Promise<TestServer> {
  const server = await testServer(options)
  endLater(() => server.close())
  return server
}

export async function enter(server: TestServer, token = server.token): Promise<Peer> {
  const peer = await Peer.open(server, 'binary', token)
  endLater(() => peer.close())
  return peer
}
