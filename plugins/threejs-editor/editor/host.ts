/** What the panel uses of the official three.js editor, which has no plugin API: `window.editor` and the modules of its page. */
import type { Camera, Object3D, Scene } from 'three'

export interface Editor {
  scene: Scene
  /** Drawn over the scene; neither saved nor in the history. */
  sceneHelpers: Scene
  camera: Camera
  signals: Record<'cameraChanged' | 'editorCleared', { dispatch(value?: unknown): void }>
  execute(command: unknown): void
  focus?(object: Object3D): void
}

interface Element {
  dom: HTMLElement
  add(...children: unknown[]): Element
  setClass(name: string): Element
  onClick(act: () => void): Element
  onChange(act: () => void): Element
  getValue(): string | number | boolean
  setValue(value: unknown): Element
  setOptions(options: Record<string, string>): Element
  setRange(min: number, max: number): Element
  setPrecision(digits: number): Element
}
type Widget = new (value?: unknown) => Element

export interface Host {
  editor: Editor
  ui: Record<
    'UIPanel' | 'UIRow' | 'UIText' | 'UIButton' | 'UISelect' | 'UINumber' | 'UIInteger' | 'UICheckbox' | 'UIInput',
    Widget
  >
  AddObjectCommand: new (editor: Editor, object: Object3D) => unknown
}

/** Waits for the editor of this page. @throws Error if it is none, in words */
export async function findHost(): Promise<Host> {
  const page = window as unknown as { editor?: Editor }
  for (let tries = 0; !page.editor || !document.querySelector('#sidebar .Tabs'); tries++) {
    if (tries > 200) throw new Error('SIDER: this page is not the three.js editor')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const load = (path: string): Promise<unknown> => import(/* @vite-ignore */ new URL(path, document.baseURI).href)
  const ui = (await load('js/libs/ui.js')) as Host['ui']
  const { AddObjectCommand } = (await load('js/commands/AddObjectCommand.js')) as Pick<Host, 'AddObjectCommand'>
  return { editor: page.editor, ui, AddObjectCommand }
}
