/** Two builds into dist/web: the page (mode page), and one module for the three.js editor (mode editor) that uses the editor's three. */
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

export default defineConfig(({ mode }) => ({
  root: path('./page'),
  base: './',
  resolve: { alias: { ws: path('./core/no-ws.ts') } }, // browsers have WebSocket
  build: {
    outDir: path('../../dist/web'),
    emptyOutDir: false,
    target: 'es2022',
    chunkSizeWarningLimit: 2000,
    ...(mode === 'editor' && {
      lib: { entry: path('./editor/main.ts'), formats: ['es' as const], fileName: () => 'editor.js' },
      rolldownOptions: { external: [/^three($|\/)/], output: { codeSplitting: false } },
    }),
  },
}))
