/* SPDX-License-Identifier: Apache-2.0 */
/* list: intrusive and circular. A node that is in no list points at itself, so unlinking twice is safe. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next, *prev;
};

#define container_of(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))
#define list_foreach_safe(node, after, head)                                                       \
	for (struct list *node = (head)->next, *after = node->next; node != (head);                \
		node = after, after = node->next)

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_is_empty(const struct list *l)
{
	return l->next == l;
}

/* Adds at the end. */
static inline void list_push(struct list *l, struct list *node)
{
	node->prev = l->prev;
	node->next = l;
	l->prev->next = node;
	l->prev = node;
}

static inline void list_push_front(struct list *l, struct list *node)
{
	node->next = l->next;
	node->prev = l;
	l->next->prev = node;
	l->next = node;
}

static inline void list_unlink(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

/* Takes the first node out; NULL when the list is empty. */
static inline struct list *list_pop(struct list *l)
{
	struct list *node = l->next;

	if (node == l)
		return NULL;
	list_unlink(node);
	return node;
}

/* Moves every node of from to the end of to, in order. */
static inline void list_splice(struct list *to, struct list *from)
{
	if (list_is_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}
