/** What the address shows: `#/` all files, `#/3` one of them, `#/3/7` an image of a pack. */

import './style.css'
import { element } from './dom'
import { fetchJson, type Listed } from './listed'
import { PictureView } from './picture'
import { Sheet } from './sheet'
import { memberName } from './sides'

let shown: PictureView | Sheet | undefined

function show(listed: Listed): void {
  const parts = location.hash.replace(/^#\/?/, '').split('/').filter(Boolean).map(Number)
  const only = listed.items.length === 1
  const [number, member] = parts.length === 0 && only ? [0] : parts
  const item = listed.items[number]
  shown?.destroy()
  const several = item === undefined || (item.images !== undefined && member === undefined)
  shown = several ? new Sheet(listed, item && number) : new PictureView(listed, number, member)
  const name = item === undefined ? listed.title : member === undefined ? item.name : memberName(item, member)
  document.title = `${name} – roundel`
  document.body.replaceChildren(bar(listed, name, number, member), shown.node)
  Object.assign(window, { roundelView: shown }) // for tests of the page
}

function bar(listed: Listed, name: string, number?: number, member?: number): HTMLElement {
  const up = member !== undefined ? `#/${number}` : number !== undefined && listed.items.length > 1 ? '#/' : undefined
  const count = member !== undefined ? (listed.items[number as number].images ?? 0) : listed.items.length
  const at = member ?? number
  const link = (to: number): string => (member === undefined ? `#/${to}` : `#/${number}/${to}`)
  return element(
    'header',
    {},
    up !== undefined && element('a', { href: up }, 'all'),
    element('h1', {}, name),
    at !== undefined && count > 1 && element(
      'nav',
      {},
      at > 0 ? element('a', { href: link(at - 1), rel: 'prev' }, 'previous') : null,
      at + 1 < count ? element('a', { href: link(at + 1), rel: 'next' }, 'next') : null,
    ),
  )
}

try {
  const listed = await fetchJson<Listed>('view.json')
  addEventListener('hashchange', () => show(listed))
  show(listed)
} catch (error) {
  const hint = location.protocol === 'file:' ? 'This page needs a web server: python -m http.server shows a folder.' : ''
  document.body.append(element('p', { class: 'trouble', role: 'alert' }, `${(error as Error).message} ${hint}`))
}
