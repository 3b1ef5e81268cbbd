import { describe, expect, it, jest } from "@jest/globals";
import { SendPace } from "../src/send-pace.ts";

describe("SendPace", () => {
  it("runs what comes alone in this turn, what follows when the interval is over", () => {
    jest.useFakeTimers();
    try {
      let now = 1000;
      const pace = new SendPace(4, () => now);
      const ran: string[] = [];
      pace.later(() => ran.push("first"));
      expect(ran).toEqual([]);
      jest.advanceTimersByTime(0);
      expect(ran).toEqual(["first"]);
      now += 1;
      pace.later(() => ran.push("second"));
      jest.advanceTimersByTime(2);
      expect(ran).toEqual(["first"]);
      jest.advanceTimersByTime(1);
      expect(ran).toEqual(["first", "second"]);
      now += 50;
      pace.later(() => ran.push("third"));
      jest.advanceTimersByTime(0);
      expect(ran).toEqual(["first", "second", "third"]);
    } finally {
      jest.useRealTimers();
    }
  });
});
