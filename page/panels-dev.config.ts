import { mergeConfig } from 'vite';
import base from './vite.config';

// The panels alone: `npx vite build --config panels-dev.config.ts --outDir FOLDER`.
export default mergeConfig(base, { build: { rollupOptions: { input: 'panels-dev.html' } } });
