// Texts of the page in its language; the scripts hold none of their own.
let cached = null;

export function texts() {
  if (!cached) {
    const source = document.getElementById("vw-i18n");
    cached = source ? JSON.parse(source.textContent) : {};
  }
  return cached;
}

// "%(n)s runs" with {n: 3}
export function fill(template, values) {
  return template.replace(/%\((\w+)\)s/g, (_, name) => String(values[name]));
}
