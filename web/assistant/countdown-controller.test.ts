import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CountdownController } from "./countdown-controller.ts";
import { BareHost } from "./testing/bare-host.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("a countdown", () => {
  it("redraws every second and ends once", () => {
    const host = new BareHost();
    const over = vi.fn();
    const countdown = new CountdownController(host, over);
    countdown.start(3);
    expect(countdown.remainingS).toBe(3);
    vi.advanceTimersByTime(2000);
    expect(countdown.remainingS).toBe(1);
    vi.advanceTimersByTime(5000);
    expect(countdown.remainingS).toBe(0);
    expect(host.redraws).toBe(3);
    expect(over).toHaveBeenCalledTimes(1);
  });

  it.each([null, 0])("of %s seconds does not begin", (seconds) => {
    const over = vi.fn();
    const countdown = new CountdownController(new BareHost(), over);
    countdown.start(10);
    countdown.start(seconds);
    vi.advanceTimersByTime(20_000);
    expect(countdown.remainingS).toBe(0);
    expect(over).not.toHaveBeenCalled();
  });

  it("leaves no timer behind when its element goes", () => {
    const host = new BareHost();
    new CountdownController(host, vi.fn()).start(10);
    host.disconnect();
    expect(vi.getTimerCount()).toBe(0);
  });
});
