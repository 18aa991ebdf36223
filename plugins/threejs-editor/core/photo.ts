/** Photos from files, drops, the clipboard and the webcam. */
import { h } from './dom.js'
import type { Photo } from './task.js'

/** @throws Error in words if the browser cannot decode it */
export async function readPhoto(file: Blob, name: string): Promise<Photo> {
  let bitmap: ImageBitmap
  try {
    bitmap = await createImageBitmap(file) // turned upright, as the server does
  } catch {
    throw new Error(`${name} is not a picture that this browser can read. Use a JPEG, PNG, WebP or AVIF file.`)
  }
  const { width, height } = bitmap
  const scale = Math.min(1, 640 / Math.max(width, height))
  const canvas = h('canvas', { width: Math.round(width * scale), height: Math.round(height * scale) })
  canvas.getContext('2d')!.drawImage(bitmap, 0, 0, canvas.width, canvas.height)
  bitmap.close()
  return { name, file, thumbnail: canvas.toDataURL('image/jpeg', 0.85), width, height }
}

/** A dialog with the webcam's picture. @returns the photo, or undefined if the user thought better of it */
export async function takePhoto(host: HTMLElement): Promise<Photo | undefined> {
  if (!navigator.mediaDevices) throw new Error('This page may not use a camera: open it at 127.0.0.1 or over HTTPS.')
  let stream: MediaStream
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1920 } } })
  } catch (error) {
    throw new Error(`The camera cannot be used: ${(error as Error).message}`)
  }
  const video = h('video', { autoplay: true, playsinline: true, muted: true, 'aria-label': 'Picture of the camera' })
  const take = h('button', { type: 'button', class: 'sd-button sd-primary', text: 'Take photo' })
  take.disabled = true
  video.addEventListener('loadeddata', () => (take.disabled = false))
  video.srcObject = stream
  const close = h('button', { type: 'button', class: 'sd-button', text: 'Close' })
  const dialog = h(
    'dialog',
    { class: 'sd-camera', 'aria-label': 'Camera' },
    video,
    h('div', { class: 'sd-actions' }, take, close),
  )
  host.append(dialog)
  dialog.showModal()
  try {
    return await new Promise<Photo | undefined>((resolve, reject) => {
      close.onclick = () => resolve(undefined)
      dialog.oncancel = () => resolve(undefined)
      take.onclick = () => {
        const canvas = h('canvas', { width: video.videoWidth, height: video.videoHeight })
        canvas.getContext('2d')!.drawImage(video, 0, 0)
        canvas.toBlob(
          (blob) => {
            if (blob) readPhoto(blob, 'camera.jpg').then(resolve, reject)
            else reject(new Error('The camera gave no picture yet; try again.'))
          },
          'image/jpeg',
          0.95,
        )
      }
    })
  } finally {
    for (const track of stream.getTracks()) track.stop()
    dialog.remove()
  }
}
