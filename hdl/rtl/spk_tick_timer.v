// SPDX-License-Identifier: Apache-2.0
// Ticks of a timed run. A tick falls every period_i cycles, the first with run_start_i; a step
// may start when its tick has fallen (due_o) and takes it with take_i. A tick that falls while a
// step is under way or while an earlier tick is still waiting is missed: miss_o pulses, and the
// tick itself is kept, one at most. period_i = 0: due_o is always 1 and nothing is missed.
`default_nettype none

module spk_tick_timer (
    input  wire        clk,
    input  wire        rst,
    input  wire [31:0] period_i,
    input  wire        run_start_i,
    input  wire        running_i,
    input  wire        in_step_i,
    input  wire        take_i,
    output wire        due_o,
    output wire        miss_o
);

  reg [31:0] clock_q;  // of the present tick, from 1
  reg timed_q;
  reg waiting_q;

  wire tick = running_i & timed_q & (clock_q >= period_i);

  always @(posedge clk) begin
    timed_q <= |period_i;
    if (run_start_i | tick) clock_q <= 32'd1;
    else clock_q <= clock_q + 32'd1;
    if (run_start_i | tick) waiting_q <= 1'b1;
    else if (take_i) waiting_q <= 1'b0;
    if (rst) waiting_q <= 1'b0;
  end

  assign due_o  = waiting_q | ~timed_q;
  assign miss_o = tick & (in_step_i | waiting_q);

endmodule

`default_nettype wire
