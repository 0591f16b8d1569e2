/** Elements in one line. */

type Child = Node | string | null | undefined | false

/** An element with attributes and children; what is missing is left out. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
  for (const child of children) if (child) made.append(child)
  return made
}

/** A button that does something. */
export function button(text: string, title: string, pressed: () => void): HTMLButtonElement {
  const made = element('button', { type: 'button', title }, text)
  made.addEventListener('click', pressed)
  return made
}

/** A choice of texts by value. */
export function choice(
  label: string,
  options: [string, string][],
  chosen: string,
  changed: (value: string) => void,
): HTMLLabelElement {
  const select = element('select', {}, ...options.map(([value, text]) => element('option', { value }, text)))
  select.value = chosen
  select.addEventListener('change', () => changed(select.value))
  return element('label', {}, `${label} `, select)
}
