import solid from 'vite-plugin-solid';
import { defineConfig } from 'vitest/config';

// The built page is part of the Python package, so that nobody needs Node to run lineside.
export default defineConfig({
  base: './', // the page and its files may stand below any path
  experimental: {
    renderBuiltUrl: (file, { hostType }) => (hostType === 'html' ? `web/${file}` : { relative: true }),
  },
  plugins: [solid()],
  build: {
    outDir: '../src/lineside/web',
    emptyOutDir: true,
    target: 'es2022',
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'], // the first with light-dark()
    modulePreload: false,
    sourcemap: false,
    assetsInlineLimit: 0,
    rollupOptions: {
      output: {
        entryFileNames: 'assets/[name]-[hash].js',
        chunkFileNames: 'assets/[name]-[hash].js',
        assetFileNames: 'assets/[name]-[hash][extname]',
      },
    },
  },
  // Audio worklets, built as modules of their own.
  worker: { format: 'es', rollupOptions: { output: { entryFileNames: 'assets/[name]-[hash].js' } } },
  test: {
    environment: 'node',
    include: ['tests/**/*.test.ts'],
    testTimeout: 60_000, // ms; machines are shared
  },
});
