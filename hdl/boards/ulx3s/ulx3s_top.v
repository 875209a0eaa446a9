// SPDX-License-Identifier: Apache-2.0
// ULX3S (ECP5 LFE5U-25F CABGA381): the board's 25 MHz oscillator, serial line through the FTDI
// chip. Weight words are fewer than in the UP5K build: all memories share 56 block RAMs of 18
// kbit. Reset comes from a counter after configuration; button FIRE 1 restarts it. LED 0: core
// busy.
`default_nettype none

module ulx3s_top (
  input  wire       clk_25mhz,
  input  wire       ftdi_txd,
  output wire       ftdi_rxd,
  input  wire       button_fire,
  output wire [1:0] led,
  output wire       wifi_gpio0
);

  reg  [7:0] reset_count_q;
  reg  [1:0] button_q;
  reg        rst_q;
  wire       busy;

  // what the flip-flops hold after configuration
  initial begin
    reset_count_q = 8'd0;
    button_q = 2'b00;
    rst_q = 1'b1;
  end

  always @(posedge clk_25mhz) begin
    button_q <= {button_q[0], button_fire};
    if (button_q[1]) reset_count_q <= 8'd0;
    else if (reset_count_q != 8'hff) reset_count_q <= reset_count_q + 8'd1;
    rst_q <= reset_count_q != 8'hff;
  end

  spk_top #(
    .TARGET("ecp5"),
    .WWORDS(8192),
    .CLK_HZ(25000000)
  ) u_top (
    .clk(clk_25mhz),
    .rst(rst_q),
    .rxd_i(ftdi_txd),
    .txd_o(ftdi_rxd),
    .busy_o(busy)
  );

  assign led = {1'b1, busy};
  // High keeps the board's ESP32 from taking over the configuration.
  assign wifi_gpio0 = 1'b1;

endmodule

`default_nettype wire
