/** A photo in a frame that is moved and enlarged: by dragging, the wheel, two fingers and the keyboard. */
export interface Point {
  x: number
  y: number
}

/** How far it may be enlarged, screen pixels of a photo's pixel. */
const LARGEST = 24

export class PanZoom {
  /** Screen pixels of a photo's pixel, and where the photo's corner lies in the frame. */
  scale = 1
  private left = 0
  private top = 0
  private readonly fingers = new Map<number, Point>()

  /**
   * @param world holds the photo, in its own pixels
   * @param grab asked at every press whether something else is to be dragged: then what follows of the pointer is handed to it
   */
  constructor(
    private readonly frame: HTMLElement,
    private readonly world: HTMLElement,
    grab: (event: PointerEvent) => ((event: PointerEvent) => void) | undefined,
    private readonly changed: () => void,
  ) {
    let held: ((event: PointerEvent) => void) | undefined
    frame.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return
      frame.setPointerCapture(event.pointerId)
      held = this.fingers.size === 0 ? grab(event) : undefined
      this.fingers.set(event.pointerId, this.inFrame(event))
    })
    frame.addEventListener('pointermove', (event) => {
      if (!this.fingers.has(event.pointerId)) return
      if (held) held(event)
      else this.dragged(event)
    })
    for (const end of ['pointerup', 'pointercancel'] as const)
      frame.addEventListener(end, (event) => {
        this.fingers.delete(event.pointerId)
        if (this.fingers.size === 0) held = undefined
      })
    frame.addEventListener(
      'wheel',
      (event) => {
        event.preventDefault()
        this.zoom(Math.exp(-event.deltaY / (event.ctrlKey ? 100 : 400)), this.inFrame(event))
      },
      { passive: false },
    )
  }

  /** A point of the screen in the photo's pixels. */
  inPhoto(event: { clientX: number; clientY: number }): Point {
    const { x, y } = this.inFrame(event)
    return { x: (x - this.left) / this.scale, y: (y - this.top) / this.scale }
  }

  /** Enlarges about a point of the frame, by default its middle. */
  zoom(by: number, about: Point = { x: this.frame.clientWidth / 2, y: this.frame.clientHeight / 2 }): void {
    const scale = Math.min(LARGEST, Math.max(0.02, this.scale * by))
    const ratio = scale / this.scale
    this.place(scale, about.x - (about.x - this.left) * ratio, about.y - (about.y - this.top) * ratio)
  }

  /** Shows a box of the photo, as large as it fits. */
  show(box: { x: number; y: number; width: number; height: number }): void {
    const { clientWidth: w, clientHeight: h } = this.frame
    const scale = Math.min(LARGEST, w / box.width, h / box.height)
    this.place(scale, w / 2 - scale * (box.x + box.width / 2), h / 2 - scale * (box.y + box.height / 2))
  }

  /** Moves so that a point of the photo is seen. */
  reveal({ x, y }: Point): void {
    const into = (at: number, size: number): number => Math.min(0, size - 40 - at) + Math.max(0, 40 - at)
    const [dx, dy] = [
      into(this.left + x * this.scale, this.frame.clientWidth),
      into(this.top + y * this.scale, this.frame.clientHeight),
    ]
    if (dx !== 0 || dy !== 0) this.place(this.scale, this.left + dx, this.top + dy)
  }

  private dragged(event: PointerEvent): void {
    const before = this.spread()
    this.fingers.set(event.pointerId, this.inFrame(event))
    const after = this.spread()
    this.place(this.scale, this.left + after.middle.x - before.middle.x, this.top + after.middle.y - before.middle.y)
    if (before.size > 0 && after.size > 0) this.zoom(after.size / before.size, after.middle)
  }

  /** Middle of the fingers and their distance, 0 for one. */
  private spread(): { middle: Point; size: number } {
    const [a, b = a] = [...this.fingers.values()]
    return { middle: { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 }, size: Math.hypot(a.x - b.x, a.y - b.y) }
  }

  private inFrame({ clientX, clientY }: { clientX: number; clientY: number }): Point {
    const { left, top } = this.frame.getBoundingClientRect()
    return { x: clientX - left, y: clientY - top }
  }

  private place(scale: number, left: number, top: number): void {
    Object.assign(this, { scale, left, top })
    this.world.style.transform = `translate(${left}px, ${top}px) scale(${scale})`
    this.world.style.setProperty('--sd-pixel', String(1 / scale))
    this.changed()
  }
}
