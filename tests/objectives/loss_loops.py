"""Every loss term as a reference loop over Python numbers."""

import math

from loss_examples import TYPES

from nearmiss.engine.objectives import spec


def dot(a, b):
    return sum(x * y for x, y in zip(a.tolist(), b.tolist(), strict=True))


def cross_entropy(right, wrong):
    """-log of the first logit's share, over Python numbers."""
    top = max([right, *wrong])
    return top + math.log(sum(math.exp(value - top) for value in [right, *wrong])) - right


def mean(values):
    return math.fsum(values) / len(values) if values else 0.0


def slots(f, i):
    return [
        (g, k) for g in range(f.valid.shape[1]) for k in range(f.valid.shape[2]) if bool(f.valid[i, g, k])
    ]  # valid negatives of image i


def columns(f, i, own):
    """Negatives in the row of image i: its own, and those of others that are shared and not true of i."""
    found = [(i, g, k) for g, k in slots(f, i)]
    if own:
        return found
    truths = {int(f.caption_ids[i]), *f.positive_ids[i].tolist()}
    for j in range(len(f.images)):
        for g, k in slots(f, j) if j != i else []:
            if bool(f.for_others[j, g, k]) and int(f.negative_ids[j, g, k]) not in truths:
                found.append((j, g, k))
    return found


def contrastive_loop(f, extra=None):
    s, ids, n = float(f.scale), f.caption_ids.tolist(), len(f.images)
    others = [[j for j in range(n) if j != i and ids[j] != ids[i]] for i in range(n)]
    rows, backs = [], []
    for i in range(n):
        wrong = [s * dot(f.images[i], f.captions[j]) for j in others[i]]
        if extra == "released":
            wrong += [s * dot(f.images[i], negative) for negative in f.negatives.flatten(0, 2)]
        elif extra is not None:
            wrong += [s * dot(f.images[i], f.negatives[at]) for at in columns(f, i, extra == "own")]
        right = s * dot(f.images[i], f.captions[i])
        rows.append(cross_entropy(right, wrong))
        backs.append(cross_entropy(right, [s * dot(f.images[j], f.captions[i]) for j in others[i]]))
    return (mean(rows) + mean(backs)) / 2


def own_loop(f):
    s, losses = float(f.scale), []
    for i in range(len(f.images)):
        for g in range(f.valid.shape[1]):
            wrong = [s * dot(f.images[i], f.negatives[i, g, k]) for group, k in slots(f, i) if group == g]
            if wrong:
                losses.append(cross_entropy(s * dot(f.images[i], f.positives[i, g]), wrong))
    return mean(losses)


def intra_loop(f, own):
    s, losses = float(f.scale), []
    for i in range(len(f.images)):
        for g in range(f.valid.shape[1]):
            at = [(i, g, k) for group, k in slots(f, i) if group == g] if own else columns(f, i, False)
            wrong = [s * dot(f.positives[i, g], f.negatives[place]) for place in at]
            if wrong:
                losses.append(cross_entropy(s * dot(f.images[i], f.positives[i, g]), wrong))
    return mean(losses)


def rank_loop(f, thresholds, rule, cap):
    """The loss with these thresholds, and the thresholds for the next batch."""
    s, losses, gaps = float(f.scale), [], {kind: [] for kind in range(len(TYPES))}
    for i in range(len(f.images)):
        for g, k in slots(f, i):
            gap = dot(f.images[i], f.positives[i, g]) - dot(f.images[i], f.negatives[i, g, k])
            kind = int(f.kinds[i, g, k])
            losses.append(s * max(0.0, thresholds[kind] - gap))
            gaps[kind].append(gap)
    follow = {"mean": mean, "max": lambda values: max(values) / 5, "fixed": lambda values: cap}[rule]
    new = [min(max(follow(gaps[kind]), 0.0), cap) if gaps[kind] else thresholds[kind] for kind in range(len(TYPES))]
    return mean(losses), new


def sigmoid_loop(f, negatives, bias):
    s, ids, total = float(f.scale), f.caption_ids.tolist(), 0.0
    for i in range(len(f.images)):
        for j in range(len(f.images)):
            if i == j or ids[i] != ids[j]:
                z = 1 if i == j else -1
                total += math.log1p(math.exp(-z * (s * dot(f.images[i], f.captions[j]) + bias)))
        if negatives != "none":
            at = columns(f, i, negatives == "own")
            total += sum(math.log1p(math.exp(s * dot(f.images[i], f.negatives[place]) + bias)) for place in at)
    return total / len(f.images)


def focal_loop(f, gamma, smoothing):
    s, losses = float(f.scale), []
    for i in range(len(f.images)):
        for g in range(f.valid.shape[1]):
            wrong = [s * dot(f.images[i], f.negatives[i, g, k]) for group, k in slots(f, i) if group == g]
            if wrong:
                powers = [math.exp(logit) for logit in [s * dot(f.images[i], f.positives[i, g]), *wrong]]
                shares = [power / sum(powers) for power in powers]
                labels = [
                    smoothing / len(shares) + (1 - smoothing if place == 0 else 0) for place in range(len(shares))
                ]
                losses.append(-sum(y * (1 - p) ** gamma * math.log(p) for y, p in zip(labels, shares, strict=True)))
    return mean(losses)


def released_intra_loop(f, form):
    s, losses = float(f.scale), []
    for i in range(len(f.images)):
        for g in range(f.valid.shape[1]):
            logits = [s * dot(f.positives[i, g], negative) for negative in f.negatives.flatten(0, 2)]
            if form != "no_positive":
                logits = [s * dot(f.images[i], f.positives[i, g]), *logits]
            answer = logits.pop(1 if form == "first_negative" else 0)
            losses.append(cross_entropy(answer, logits))
    return mean(losses)


def released_rank_loop(f, thresholds, bound):
    """The loss with these thresholds, and the thresholds of the rule `mean` for the next batch."""
    s, total, wrongs = float(f.scale), 0.0, {kind: [] for kind in range(len(TYPES))}
    rights = [[s * dot(f.images[i], positive) for positive in f.positives[i]] for i in range(len(f.images))]
    for i in range(len(f.images)):
        for g, k in slots(f, i):
            wrong, kind = s * dot(f.images[i], f.negatives[i, g, k]), int(f.kinds[i, g, k])
            total += max(0.0, thresholds[kind] + wrong - rights[i][g])
            wrongs[kind].append(wrong)
    middle = mean([right for row in rights for right in row])
    new = [
        min(max(middle - mean(wrongs[kind]), 0.0), bound) if wrongs[kind] else thresholds[kind]
        for kind in range(len(TYPES))
    ]
    return total / f.valid.numel(), new


def hard_positive_loop(f):
    s, losses = float(f.scale), []
    for i in range(len(f.images)):
        for g, k in slots(f, i):
            if bool(f.paraphrased[i, g]):
                gap = dot(f.images[i], f.negatives[i, g, k]) - dot(f.images[i], f.paraphrases[i, g])
                losses.append(math.log1p(math.exp(s * gap)))
    return mean(losses)


def by_hand(term, f):
    match term:
        case spec.Contrastive():
            return contrastive_loop(f)
        case spec.HardNegativeColumns():
            return contrastive_loop(f, term.negatives)
        case spec.OwnNegatives():
            return own_loop(f)
        case spec.IntraModalContrast():
            return intra_loop(f, term.negatives == "own")
        case spec.CrossModalRank():
            start = [term.cap if term.threshold == "fixed" else 0.0] * len(TYPES)
            return rank_loop(f, start, term.threshold, term.cap)[0]
        case spec.Sigmoid():
            return sigmoid_loop(f, term.negatives, term.bias)
        case spec.FocalOwnNegatives():
            return focal_loop(f, term.gamma, term.smoothing)
        case spec.IntraModalContrastReleased():
            return released_intra_loop(f, term.form)
        case spec.CrossModalRankReleased():
            return released_rank_loop(f, [2.0 if term.threshold == "fixed" else 0.0] * len(TYPES), term.bound)[0]
        case spec.HardPositive():
            return hard_positive_loop(f)


def positives_loop(f, written=None):
    """Images and positives group by group; counted as wrong unless the text is the image's own or serves no others.

    `written`: without those that are no positive of the method.
    """
    s, n, losses = float(f.scale), len(f.images), []
    truths = [{int(f.caption_ids[i]), *f.positive_ids[i].tolist()} for i in range(n)]

    def is_there(owner, g):
        return written is None or written[owner][g]

    def wrong(image, owner, g):
        serves = bool(f.for_others[owner, g, 0])
        return image != owner and serves and int(f.positive_ids[owner, g]) not in truths[image]

    for g in range(f.positives.shape[1]):
        for i in range(n):
            if not is_there(i, g):
                continue
            right = s * dot(f.images[i], f.positives[i, g])
            texts = [s * dot(f.images[i], f.positives[j, g]) for j in range(n) if wrong(i, j, g) and is_there(j, g)]
            images = [s * dot(f.images[j], f.positives[i, g]) for j in range(n) if wrong(j, i, g)]
            losses.append((cross_entropy(right, texts) + cross_entropy(right, images)) / 2)
    return mean(losses)
