/** The widgets a panel is made of: the page has its own, the three.js editor lends its UI classes. */
export interface Control<T> {
  dom: HTMLElement
  get(): T
  set(value: T): void
}

export interface Kit {
  section(title: string): HTMLElement
  row(label: string, control: HTMLElement, hint?: string): HTMLElement
  button(text: string, act: () => void, primary?: boolean): HTMLButtonElement
  select(options: Record<string, string>, change: (value: string) => void): Control<string>
  number(range: { min: number; max: number; step: number }, change: (value: number) => void): Control<number>
  check(change: (value: boolean) => void): Control<boolean>
  secret(change: (value: string) => void): Control<string>
}
