/// <reference types="vitest/config" />
// One bundle with fixed names, so that the C++ build can embed it:
// index.html, assets/app.js, assets/app.css, favicon.svg. All addresses are relative to <base>.
import { readFileSync } from 'node:fs';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

// A server whose API the development and preview servers borrow.
const api = process.env.NARTHEX_DEV_API ?? 'http://127.0.0.1:9090';
const pages = /^\/(query|alerts|targets)(\?.*)?$/;

/** Does what the Narthex server does with index.html: fills the placeholders. */
function fillPlaceholders(html: string): string {
  return html.replaceAll('__NARTHEX_BASE__', '/').replaceAll('__NARTHEX_TITLE__', 'Narthex');
}

function servedPage(): Plugin {
  return {
    name: 'narthex-served-page',
    transformIndexHtml: {
      order: 'post',
      handler: (html, context) => (context.server ? fillPlaceholders(html) : html),
    },
    configurePreviewServer(server) {
      server.middlewares.use((request, response, next) => {
        const url = request.url ?? '';
        if (url === '/') return response.writeHead(302, { Location: '/query' }).end();
        if (!pages.test(url)) return next();
        response.setHeader('Content-Type', 'text/html; charset=utf-8');
        response.end(fillPlaceholders(readFileSync('dist/index.html', 'utf8')));
      });
    },
  };
}

const proxy = { '/api': api, '/-/': api };

export default defineConfig({
  base: './',
  plugins: [react(), servedPage()],
  server: { host: '127.0.0.1', proxy },
  preview: { host: '127.0.0.1', proxy },
  build: {
    target: 'es2022',
    modulePreload: false,
    cssCodeSplit: false,
    assetsInlineLimit: 100_000,
    chunkSizeWarningLimit: 1500,
    rollupOptions: {
      output: {
        inlineDynamicImports: true,
        entryFileNames: 'assets/app.js',
        assetFileNames: 'assets/app[extname]',
      },
    },
  },
  test: {
    environment: 'jsdom',
    include: ['tests/**/*.test.{ts,tsx}'],
  },
});
