/** VitePress's own theme, with the reader's fonts. */
export const THEME = `import DefaultTheme from 'vitepress/theme-without-fonts';
import './style.css';
export default DefaultTheme;
`;

export const STYLE = `:root {
  --vp-font-family-base: system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif;
  --vp-font-family-mono: ui-monospace, 'SF Mono', Menlo, Consolas, 'Liberation Mono', monospace;
  --vp-c-brand-1: #0b6e6e;
  --vp-c-brand-2: #0d8585;
  --vp-c-brand-3: #0f7a7a;
  --vp-home-hero-name-color: var(--vp-c-brand-1);
}
.dark {
  --vp-c-brand-1: #5cc8c8;
  --vp-c-brand-2: #43b0b0;
  --vp-c-brand-3: #0f7a7a;
}
/* Tables are most of a reference: they have the room, and the names in their first column do not break. */
.VPDoc .container .content .content-container,
.VPDoc.has-aside .container .content .content-container {
  max-width: 940px;
}
.vp-doc table {
  font-size: 14px;
}
.vp-doc th,
.vp-doc td {
  padding: 6px 10px;
}
.vp-doc td > code {
  overflow-wrap: anywhere;
}
.vp-doc td:first-child > code {
  white-space: nowrap;
}
/* The start page fits a screen. */
.VPHero .name,
.VPHero .text {
  font-size: 40px !important;
  line-height: 48px !important;
}
.VPHero .tagline {
  font-size: 18px !important;
  line-height: 28px !important;
}
.VPHero.VPHomeHero {
  padding-bottom: 24px !important;
}
.VPHero .image-container {
  width: 520px !important;
  height: 300px !important;
}
.VPHero .image-src {
  width: 520px !important;
  max-width: 100% !important;
  max-height: 300px !important;
}
.VPHero .image-bg {
  display: none;
}
.vp-doc img {
  background: #fff;
  border-radius: 6px;
}
`;
