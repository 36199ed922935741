/* SPDX-License-Identifier: Apache-2.0 */
/* inactive: what the language knows and this version does not switch on, from the notes in the
 * tables. */
#pragma once
#include "config/load.h"

void inactive_list(struct load *l); /* into conf->inactive */
