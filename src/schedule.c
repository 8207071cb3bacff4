/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A binary heap of (time, id) with an index from id to place, so that an entry can be moved or removed in
 * O(log n). Equal times come out in the order of their ids: the same input gives the same run. */
#include "schedule.h"

#include "cleanup.h"
#include "clock.h"

#include <assert.h>
#include <errno.h>

#define NOWHERE SIZE_MAX

struct entry {
	int64_t due_usec;
	size_t id;
};

struct schedule {
	struct entry *heap;
	size_t n, size;
	size_t *places; /* by id: index in the heap, or NOWHERE */
	size_t n_places;
};

struct schedule *schedule_new(void)
{
	return calloc(1, sizeof(struct schedule));
}

struct schedule *schedule_free(struct schedule *s)
{
	if (!s)
		return NULL;
	free(s->heap);
	free(s->places);
	free(s);
	return NULL;
}

static bool entry_is_before(const struct entry *a, const struct entry *b)
{
	return a->due_usec != b->due_usec ? a->due_usec < b->due_usec : a->id < b->id;
}

static void put(struct schedule *s, size_t place, struct entry entry)
{
	s->heap[place] = entry;
	s->places[entry.id] = place;
}

static void sift_up(struct schedule *s, size_t place, struct entry entry)
{
	while (place > 0) {
		size_t parent = (place - 1) / 2;

		if (!entry_is_before(&entry, &s->heap[parent]))
			break;
		put(s, place, s->heap[parent]);
		place = parent;
	}
	put(s, place, entry);
}

static void sift_down(struct schedule *s, size_t place, struct entry entry)
{
	for (size_t child = 2 * place + 1; child < s->n; child = 2 * place + 1) {
		if (child + 1 < s->n && entry_is_before(&s->heap[child + 1], &s->heap[child]))
			child++;
		if (!entry_is_before(&s->heap[child], &entry))
			break;
		put(s, place, s->heap[child]);
		place = child;
	}
	put(s, place, entry);
}

/* Puts ENTRY where PLACE is free: only one of the two directions moves anything. */
static void settle(struct schedule *s, size_t place, struct entry entry)
{
	if (place > 0 && entry_is_before(&entry, &s->heap[(place - 1) / 2]))
		sift_up(s, place, entry);
	else
		sift_down(s, place, entry);
}

static int grow_places(struct schedule *s, size_t id)
{
	if (id < s->n_places)
		return 0;
	if (id > SIZE_MAX / 2 - 8)
		return -ENOMEM;

	size_t n = 2 * id + 8;
	size_t *grown = reallocarray(s->places, n, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	for (size_t i = s->n_places; i < n; i++)
		grown[i] = NOWHERE;
	s->places = grown;
	s->n_places = n;
	return 0;
}

static int grow_heap(struct schedule *s)
{
	if (s->n < s->size)
		return 0;

	size_t size = 2 * s->size + 8;
	struct entry *grown = reallocarray(s->heap, size, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	s->heap = grown;
	s->size = size;
	return 0;
}

static size_t find_place(const struct schedule *s, size_t id)
{
	return id < s->n_places ? s->places[id] : NOWHERE;
}

int schedule_set(struct schedule *s, size_t id, int64_t due_usec)
{
	size_t place = find_place(s, id);
	struct entry entry = { due_usec, id };

	if (place != NOWHERE) {
		settle(s, place, entry);
		return 0;
	}
	int r = grow_places(s, id);
	if (r == 0)
		r = grow_heap(s);
	if (r < 0)
		return r;
	sift_up(s, s->n++, entry);
	return 0;
}

void schedule_remove(struct schedule *s, size_t id)
{
	size_t place = find_place(s, id);

	if (place == NOWHERE)
		return;
	s->places[id] = NOWHERE;
	s->n--;
	if (place < s->n) /* the last entry fills the gap */
		settle(s, place, s->heap[s->n]);
}

int64_t schedule_next(const struct schedule *s)
{
	return s->n > 0 ? s->heap[0].due_usec : USEC_NEVER;
}

bool schedule_pop(struct schedule *s, int64_t now_usec, size_t *ret_id)
{
	if (s->n == 0 || s->heap[0].due_usec > now_usec)
		return false;

	size_t id = s->heap[0].id;
	schedule_remove(s, id);
	*ret_id = id;
	return true;
}

int64_t schedule_after(int64_t due_usec, int64_t interval_usec, int64_t now_usec)
{
	assert(interval_usec > 0);
	int64_t next = usec_add(due_usec, interval_usec);

	if (next > now_usec)
		return next;
	return usec_add(next, ((now_usec - next) / interval_usec + 1) * interval_usec);
}
