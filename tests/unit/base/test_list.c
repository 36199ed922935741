/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/list. */
#include "rig/unit.h"
#include "base/list.h"

struct item {
	struct list link;
	char name;
};

static struct list head;
static struct item items[4];

static int begin(void **state)
{
	(void)state;
	list_init(&head);
	for (int i = 0; i < 4; i++) {
		items[i].name = (char)('a' + i);
		list_init(&items[i].link);
	}
	return 0;
}

static void check(const struct list *l, const char *want)
{
	for (const struct list *node = l->next; node != l; node = node->next)
		assert_int_equal(container_of(node, struct item, link)->name, *want++);
	assert_int_equal(*want, 0);
}

static void nodes_stand_as_they_were_pushed(void **state)
{
	(void)state;
	assert_true(list_is_empty(&head));
	assert_null(list_pop(&head));
	list_push(&head, &items[1].link);
	list_push(&head, &items[2].link);
	list_push_front(&head, &items[0].link);
	check(&head, "abc");
	assert_ptr_equal(list_pop(&head), &items[0].link);
	assert_true(list_is_empty(&items[0].link));
	check(&head, "bc");
}

static void unlinking_twice_is_safe(void **state)
{
	(void)state;
	list_push(&head, &items[0].link);
	list_push(&head, &items[1].link);
	list_unlink(&items[0].link);
	list_unlink(&items[0].link);
	check(&head, "b");
}

static void a_walk_may_unlink_where_it_stands(void **state)
{
	unsigned met = 0;

	(void)state;
	for (int i = 0; i < 4; i++)
		list_push(&head, &items[i].link);
	list_foreach_safe(node, after, &head)
	{
		if (met++ % 2)
			list_unlink(node);
	}
	assert_int_equal(met, 4);
	check(&head, "ac");
}

static void splicing_moves_all_to_the_end(void **state)
{
	struct list other;

	(void)state;
	list_init(&other);
	list_splice(&head, &other);
	check(&head, "");
	list_push(&other, &items[1].link);
	list_push(&other, &items[2].link);
	list_push(&head, &items[0].link);
	list_splice(&head, &other);
	check(&head, "abc");
	assert_true(list_is_empty(&other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup(nodes_stand_as_they_were_pushed, begin),
	        cmocka_unit_test_setup(unlinking_twice_is_safe, begin),
	        cmocka_unit_test_setup(a_walk_may_unlink_where_it_stands, begin),
	        cmocka_unit_test_setup(splicing_moves_all_to_the_end, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
