/** Defines `<roundel-img>`. */

import { RoundelImage } from './page/element'

if (!customElements.get('roundel-img')) customElements.define('roundel-img', RoundelImage)

export { RoundelImage }
