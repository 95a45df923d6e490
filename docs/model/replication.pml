/*
 * One key with two versions in a vault that is replicated from A to B: what docs/model/README.md says in words, for spin.
 * A row is told by the order of its writing, epoch * 16 + revision; a version's row of its creating order is CREATING, any
 * later one is ENABLED (or, for version 0, DELETED). A key's row carries the digest of its versions: here, their orders.
 */
#ifndef LAST
#define LAST 4                   /* A's last revision: bounds the run */
#endif
#define order(epoch, revision) ((epoch) * 16 + (revision))

/* A, the primary: the key's row with its digest, and the versions' rows. */
byte rev = 1; byte dig[2]; byte ver[2]; byte creating = 0; bool incomplete = false;
byte was0[LAST + 3]; byte was1[LAST + 3];       /* the digest at each revision */
byte fence = 1; bool handOff = true;
byte seen = 0; byte seenSeq = 0; byte seenFence = 0;     /* the last receipt: whole up to, its sequence, its link */
bool dead = false; byte twice = 1; bool destroyed = false; bool rotated = false;
bool acknowledged = false; byte ackFence = 0;            /* version 1 was answered ENABLED, handed off over this link */

/* B, the replica. */
bool isReplica = true; byte bFence = 1;
byte key = 0; byte bDig[2]; byte bVer[2]; byte whole = 0; byte seq = 0;

/* fence, order of the key's row, its digest, the versions sent (0: not sent) */
chan inbox = [2] of { byte, byte, byte, byte, byte, byte }
/* fence, sequence, whole up to */
chan outcome = [2] of { byte, byte, byte }

#define covered ((seenFence == fence) -> seen : 0)

inline remember() { was0[rev] = dig[0]; was1[rev] = dig[1] }

/* What a hand-off sends of the rows given: all that came after what the receipt covers, and always version 1 once there is one. */
inline send(r, d0, d1, isSent) {
  isSent = false;
  if
  :: handOff && len(inbox) < 2 ->
#ifdef TRUST_THE_CHANGE            /* the fault: only the change is sent, as if the receipt before it had come */
     inbox ! fence, order(1, r), d0, d1, 0, d1;
#else
     inbox ! fence, order(1, r), d0, d1, ((d0 > covered) -> d0 : 0), ((d1 > covered || d1 == d0) -> d1 : (d1 -> d1 : 0));
#endif
     isSent = true
  :: else -> skip                  /* the peer cannot be reached: at risk */
  fi
}

/* Hands the enabled form off, then writes it where nobody was faster. */
inline complete(r, e1, isSent) {
  atomic { r = rev + 1; e1 = order(1, r); f = fence }
  atomic { if :: incomplete && rev + 1 == r && !dead -> send(r, dig[0], e1, isSent) :: else -> isSent = false fi }
  atomic {
    if
    :: !dead && incomplete && rev + 1 == r && fence == f ->
       rev = r; ver[1] = e1; dig[1] = e1; incomplete = false; remember();
       #ifdef ANSWER_FIRST                /* the fault: answered whether or not it was handed off */
       if :: handOff -> acknowledged = true; ackFence = fence :: else fi
#else
       if :: isSent && handOff -> acknowledged = true; ackFence = fence :: else fi
#endif
    :: else
    fi
  }
}

/* Requests; each may stop anywhere, as a crash does: the process simply makes no further step. */
proctype Rename() {
  bool sent; byte r;
  do
  :: atomic { !dead && !incomplete && rev < LAST - 2 -> rev++; r = rev; remember() }
     atomic { if :: !dead && rev == r && !incomplete -> send(r, dig[0], dig[1], sent) :: else fi }
  :: break
  od
}

proctype Rotate() {
  bool sent; byte r, e, f;
  atomic {
    !dead && !incomplete && rev < LAST - 1 ->
    rev++; ver[1] = order(1, rev); dig[1] = ver[1]; creating = ver[1]; incomplete = true; rotated = true; remember()
  }
  if :: complete(r, e, sent) :: skip /* crash */ fi
}

proctype DestroyOldVersion() {
  bool sent;
  atomic { !dead && rotated && !incomplete && !destroyed && rev < LAST -> rev++; ver[0] = order(1, rev); dig[0] = ver[0]; destroyed = true; remember() }
  atomic { if :: !dead -> send(rev, dig[0], dig[1], sent) :: else fi }
}

/* The stream's safety net and the comparison: whatever B is not known to have is sent, and what a crash left open is completed. */
proctype FanOut() {
  bool sent; byte r, e, f;
end:
  do
  :: !dead && handOff && incomplete -> complete(r, e, sent)
  :: atomic { !dead && handOff && !incomplete && covered < order(1, rev) && len(inbox) == 0 && len(outcome) == 0 -> send(rev, dig[0], dig[1], sent) }
  od
}

proctype Receipts() {
  byte f, s, w;
end:
  do
  :: atomic { !dead && len(outcome) > 0 ->
       if :: outcome ? f, s, w :: len(outcome) == 2 -> outcome ? f, s, w; outcome ! f, s, w; outcome ? f, s, w fi;
       if
#ifdef OLD_RECEIPT                 /* the fault: what an earlier replica acknowledged counts for this one */
       :: f <= fence && (seenFence < f || s > seenSeq) ->
          seenFence = fence; f = bFence;
#else
       :: f == fence && (seenFence < f || s > seenSeq) ->
          seenFence = f;
#endif
          seenSeq = s; seen = w;
          /* Status is never untrue: B has every row of that state, or later ones. */
          assert(w == 0 || bFence != f || (key >= w && bVer[0] >= was0[w - 16] && bVer[1] >= was1[w - 16]))
       :: else
       fi;
       f = 0; s = 0; w = 0 }
  od
}

/* B's replica is deleted and made anew: the fence rises, B forgets, B accepts, and only then A hands off again. */
proctype Renew() {
  if
#ifndef ONE_LINK
  :: atomic { !dead && handOff -> handOff = false; fence++ };
     atomic { isReplica = false; bFence = fence; key = 0; bDig[0] = 0; bDig[1] = 0; bVer[0] = 0; bVer[1] = 0; whole = 0; seq = 0 };
     isReplica = true;
     atomic { if :: !dead -> handOff = true :: else fi }
#endif
  :: skip
  fi
}

proctype Apply() {
  byte f, k, d0, d1, v0, v1, before;
end:
  do
  :: atomic {
       if
       :: len(inbox) > 0 -> inbox ? f, k, d0, d1, v0, v1
       :: len(inbox) == 2 -> inbox ? f, k, d0, d1, v0, v1; inbox ! f, k, d0, d1, v0, v1; inbox ? f, k, d0, d1, v0, v1
       :: len(inbox) > 0 && twice > 0 -> inbox ? <f, k, d0, d1, v0, v1>; twice--
       fi;
       if
#ifdef IGNORE_THE_FENCE
       :: isReplica ->
#else
       :: isReplica && f == bFence ->
#endif
          assert(f == bFence);               /* nothing of an earlier link */
          before = key;
#ifdef OLD_OVERWRITES
          if :: k != 0 -> key = k; bDig[0] = d0; bDig[1] = d1 fi;
#else
          if :: k > key -> key = k; bDig[0] = d0; bDig[1] = d1 :: else fi;
#endif
          if :: v0 > bVer[0] -> bVer[0] = v0 :: else fi;
          if :: v1 > bVer[1] -> bVer[1] = v1 :: else fi;
          assert(key >= before);             /* revisions never fall, a tombstone stays */
          seq = (seq < 12 -> seq + 1 : 12);
#ifdef CLAIM_WITHOUT_ROWS
          whole = key;
#else
          if :: bVer[0] == bDig[0] && bVer[1] == bDig[1] -> whole = key :: else fi;
#endif
          if :: len(outcome) < 2 -> outcome ! f, seq, whole :: else fi
       :: else                               /* dropped and counted */
       fi;
       f = 0; k = 0; d0 = 0; d1 = 0; v0 = 0; v1 = 0; before = 0
     }
  od
}

/* A is lost for good, at any moment. */
proctype Loss() {
  if :: dead = true :: skip fi
}

/* When nothing is left to do. */
proctype AtRest() {
  byte before;
  timeout ->
  if
  :: dead ->
     /* RPO 0: what was answered ENABLED opens at B, though A is gone. */
     assert(!acknowledged || ackFence != bFence || !isReplica || bVer[1] > creating);
     /* For later: B is promoted and writes under the next epoch; a late record of A does not win. */
     if
     :: isReplica && key > 0 -> before = order(2, 1); key = before; assert(order(1, LAST) < key)
     :: else
     fi
  :: else ->
     /* Both have the same rows, and A knows it. */
     assert(!handOff || incomplete || (key == order(1, rev) && bVer[0] == ver[0] && bVer[1] == ver[1] && covered == key))
  fi
}

init {
  atomic {
    ver[0] = order(1, 1); dig[0] = ver[0]; was0[1] = ver[0];
    run Rename(); run Rotate(); run DestroyOldVersion(); run FanOut(); run Receipts(); run Renew(); run Apply(); run Loss();
    run AtRest()
  }
}
