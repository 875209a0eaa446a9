// SPDX-License-Identifier: Apache-2.0
// Sequence of the core: clear, and the phases of each step of a run.
// Clear: ZERO writes 0 to every address of the memories that the mask names, FILL sets v_init.
// Step: START (one cycle), SWEEP, NEURON; cycles are counted from START to the last of NEURON.
// WAIT lies between steps: a step starts when no lock is asked for, the event queue shows its
// first word, its tick has fallen and a recorded step has room in the spike queue.
// Reset leads to a clear with every bit set.
`default_nettype none

module spk_core_ctrl #(
    parameter integer LAST_SMALL = 511,   // last address of the largest memory but the weights
    parameter integer LAST_ALL   = 16383  // last address of the largest memory
) (
    input  wire        clk,
    input  wire        rst,
    // commands
    input  wire        run_i,
    input  wire [31:0] run_steps_i,
    input  wire        stop_i,
    input  wire        clear_i,
    input  wire [15:0] clear_mask_i,
    input  wire        record_i,
    input  wire [31:0] tick_period_i,
    // state
    output wire        running_o,
    output wire        busy_o,
    output wire        stalled_o,
    output wire [31:0] next_step_o,
    output wire [31:0] last_cycles_o,
    output wire [47:0] total_cycles_o,
    output wire [15:0] deadline_count_o,
    output wire        deadline_flag_o,
    output wire        chain_flag_o,
    // queues
    input  wire        ev_lock_i,
    output wire        ev_locked_o,
    input  wire        ev_settled_i,
    input  wire        spk_room_i,
    // clear
    output wire [15:0] zero_addr_o,
    output wire        zeroing_o,         // addresses are walked
    output wire [15:0] zero_o,            // the clear mask then, else 0
    output wire        filling_o,
    // phases
    output wire [15:0] step_o,            // low half of the step under way
    output wire        step_high_o,       // its high half is not 0
    output wire        sweep_start_o,
    input  wire        sweep_done_i,
    input  wire        chain_cut_i,
    output wire        neuron_start_o,
    output wire        neuron_begin_o,    // same, but not for a fill
    input  wire        neuron_done_i
);

  `include "spk_core_defs.vh"

  localparam [2:0] IDLE = 3'd0;
  localparam [2:0] ZERO = 3'd1;
  localparam [2:0] SETTLE = 3'd2;  // the accumulators' last word is written here
  localparam [2:0] FILL = 3'd3;
  localparam [2:0] WAIT = 3'd4;
  localparam [2:0] START = 3'd5;
  localparam [2:0] SWEEP = 3'd6;
  localparam [2:0] NEURON = 3'd7;

  reg [2:0] state_q;
  reg [15:0] mask_q;
  reg [15:0] zero_q;
  reg stop_q;
  reg [31:0] left_q;
  reg locked_q;
  reg [31:0] next_q;
  reg [15:0] step_q;
  reg step_high_q;
  reg [31:0] cycles_q, last_q;
  reg [47:0] total_q;
  reg [15:0] deadline_q;
  reg deadline_flag_q, chain_flag_q;

  wire clearing_state = (state_q == ZERO) & mask_q[SPK_CLEAR_STATE_BIT];
  wire clearing_errors = (state_q == ZERO) & mask_q[SPK_CLEAR_ERRORS_BIT];
  wire zero_end = zero_q == (mask_q[SPK_CLEAR_WEIGHTS_BIT] ? LAST_ALL[15:0] : LAST_SMALL[15:0]);
  wire run = (state_q == IDLE) & run_i & ~clear_i & (|run_steps_i);
  wire running = state_q[2];
  wire in_step = running & (|state_q[1:0]);
  wire finished = stop_q | ~(|left_q);
  wire room = spk_room_i | ~record_i;
  wire due, miss;
  wire go = (state_q == WAIT) & ~finished & ~ev_lock_i & ev_settled_i & room & due;

  always @(posedge clk) begin
    case (state_q)
      IDLE:
      if (clear_i) state_q <= ZERO;
      else if (run) state_q <= WAIT;
      ZERO: if (zero_end) state_q <= SETTLE;
      SETTLE: state_q <= mask_q[SPK_CLEAR_STATE_BIT] ? FILL : IDLE;
      FILL: if (neuron_done_i) state_q <= IDLE;
      WAIT:
      if (finished) state_q <= IDLE;
      else if (go) state_q <= START;
      START: state_q <= SWEEP;
      SWEEP: if (sweep_done_i) state_q <= NEURON;
      default: if (neuron_done_i) state_q <= WAIT;
    endcase
    if (state_q == IDLE) mask_q <= clear_mask_i;
    zero_q <= (state_q == ZERO) ? zero_q + 16'd1 : 16'd0;
    if (rst) begin
      state_q <= ZERO;
      mask_q  <= 16'hFFFF;
      zero_q  <= 16'd0;
    end
  end

  always @(posedge clk) begin
    stop_q   <= running & (stop_i | stop_q) & ~rst;
    locked_q <= ev_lock_i & ~rst;
    if (run) left_q <= run_steps_i;
    else if (go) left_q <= left_q - 32'd1;
  end

  // The next step changes only when a step starts, and no step starts under a lock.
  always @(posedge clk) begin
    if (clearing_state) next_q <= 32'd0;
    else if (go) next_q <= next_q + 32'd1;
    if (go) begin
      step_q      <= next_q[15:0];
      step_high_q <= |next_q[31:16];
    end
  end

  always @(posedge clk) begin
    if (clearing_state) total_q <= 48'd0;
    else if (in_step) total_q <= total_q + 48'd1;
    if (clearing_state | go) cycles_q <= 32'd0;
    else if (in_step) cycles_q <= cycles_q + 32'd1;
    if (clearing_state) last_q <= 32'd0;
    else if (state_q == WAIT) last_q <= cycles_q;
  end

  always @(posedge clk) begin
    if (clearing_errors) begin
      deadline_q      <= 16'd0;
      deadline_flag_q <= 1'b0;
      chain_flag_q    <= 1'b0;
    end else begin
      if (miss & ~(&deadline_q)) deadline_q <= deadline_q + 16'd1;
      if (miss) deadline_flag_q <= 1'b1;
      if (chain_cut_i) chain_flag_q <= 1'b1;
    end
  end

  spk_tick_timer u_tick_timer (
      .clk        (clk),
      .rst        (rst),
      .period_i   (tick_period_i),
      .run_start_i(run),
      .running_i  (running),
      .in_step_i  (in_step),
      .take_i     (go),
      .due_o      (due),
      .miss_o     (miss)
  );

  assign running_o        = running;
  assign busy_o           = state_q != IDLE;
  assign stalled_o        = (state_q == WAIT) & ~finished & ~room;
  assign next_step_o      = next_q;
  assign last_cycles_o    = last_q;
  assign total_cycles_o   = total_q;
  assign deadline_count_o = deadline_q;
  assign deadline_flag_o  = deadline_flag_q;
  assign chain_flag_o     = chain_flag_q;
  assign ev_locked_o      = locked_q;
  assign zero_addr_o      = zero_q;
  assign zero_o           = mask_q & {16{state_q == ZERO}};
  assign zeroing_o        = state_q == ZERO;
  assign filling_o        = state_q == FILL;
  assign step_o           = step_q;
  assign step_high_o      = step_high_q;
  assign sweep_start_o    = state_q == START;
  assign neuron_begin_o   = (state_q == SWEEP) & sweep_done_i;
  assign neuron_start_o   = neuron_begin_o |
                            ((state_q == SETTLE) & mask_q[SPK_CLEAR_STATE_BIT]);

endmodule

`default_nettype wire
