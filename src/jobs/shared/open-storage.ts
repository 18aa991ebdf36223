/** Opens the storage of an address. */
import { SiderError } from '../../engine/index.js'
import { FolderStorage } from './folder-storage.js'
import type { Storage } from './storage.js'

/**
 * Opens a storage and finds out whether it can be used: writes, reads and deletes something small.
 * @param address s3://bucket/prefix or file:///folder
 * @throws SiderError USAGE, STORAGE_UNAVAILABLE, DISK_FULL, OUTPUT_UNWRITABLE
 */
export async function openStorage(address: string): Promise<Storage> {
  const storage = await storageOf(address)
  const [key, bytes] = [`probe/${process.pid}-${Date.now()}`, Buffer.from('sider')]
  await storage.put(key, bytes)
  const back = await storage.get(key)
  await storage.remove(key)
  if (!back || !bytes.equals(back)) {
    throw new SiderError('STORAGE_UNAVAILABLE', `${storage.place} does not give back what was put into it`)
  }
  return storage
}

async function storageOf(address: string): Promise<Storage> {
  const url = URL.canParse(address) ? new URL(address) : undefined
  if (url && (url.username !== '' || url.password !== '' || url.search !== '')) {
    throw new SiderError('USAGE', 'the address of the storage holds more than bucket and prefix', {
      hint: { cli: 'Keys belong into the environment: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.' },
    })
  }
  if (url?.protocol === 'file:') return new FolderStorage(url)
  if (url?.protocol === 's3:' && url.hostname !== '') {
    const { S3Storage } = await import('./s3-storage.js')
    return S3Storage.open(url.hostname, decodeURIComponent(url.pathname).replace(/^\/+|\/+$/g, ''))
  }
  throw new SiderError('USAGE', 'the address of the storage must be s3://bucket/prefix or file:///folder')
}
