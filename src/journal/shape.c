/* SPDX-License-Identifier: Apache-2.0 */
/* shape: see shape.h. */
#include "journal/shape_rows.h"

const struct shape *shape_of(uint32_t kind)
{
	return kind < sizeof(shapes) / sizeof(*shapes) && shapes[kind].name ? &shapes[kind] : NULL;
}
