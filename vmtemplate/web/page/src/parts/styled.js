// The Content-Security-Policy allows style sheets with the page's nonce, and styles that
// scripts set (CSSOM), but no style attributes. xterm.js makes style elements without a
// nonce and writes attributes; elements that are made from now on do neither.
const nonce = document.querySelector("meta[name=nonce]")?.content;
const create = document.createElement;

function setAttribute(name, value) {
  if (name === "style") this.style.cssText = value;
  else Element.prototype.setAttribute.call(this, name, value);
}

document.createElement = (tag, options) => {
  const element = create.call(document, tag, options);
  if (tag === "style") element.nonce = nonce;
  else if (tag === "span") element.setAttribute = setAttribute;
  return element;
};
